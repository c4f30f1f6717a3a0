"""The store: partitions, sealed objects, their signed sidecars. Nothing here can open an object."""
