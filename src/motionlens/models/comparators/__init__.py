"""What CPNet is compared with: plug-ins and forms of the same network, one file each."""
