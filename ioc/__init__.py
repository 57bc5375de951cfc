"""The front door: command line, settings, web server assembly, sign-in and the embedded PostGIS."""
