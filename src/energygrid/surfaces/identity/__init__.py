"""OAuth 2.0 as clients see it: the embedded authorisation server and what it publishes about itself."""
