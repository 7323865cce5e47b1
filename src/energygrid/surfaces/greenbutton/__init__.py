"""The Green Button data custodian: NAESB ESPI as UtilityAPI runs it, /DataCustodian."""
