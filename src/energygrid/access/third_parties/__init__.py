"""Third parties: programs of others that customers let see their data, with what ESPI tells about them."""
