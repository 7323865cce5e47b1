"""The endpoints of the authorisation server, at two addresses: /oauth and /DataCustodian/{utility}/oauth."""
