"""Pages for people: sign-in, consent, sharing, own data, third-party developers."""
