"""Model providers: one registry, one transport, one rate control, and a module for each API."""
