"""Files of readings into columns of readings; one module a format, `detect.importer_for` picks one."""
