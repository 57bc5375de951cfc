"""How the map looks: symbols, palettes and themes as MapLibre style documents."""
