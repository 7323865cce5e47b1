"""Green Button (NAESB ESPI): the mirror, the readings and the bills as a third party sees them under a consent."""
