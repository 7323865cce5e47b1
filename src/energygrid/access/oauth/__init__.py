"""The embedded authorisation server: Authlib's grants on our clients, keys and throttles."""
