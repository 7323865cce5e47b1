"""Who speaks to the meters: the gateway's protocol, the simulator, the HTTP head end, and what is still to be sent."""
