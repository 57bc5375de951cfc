"""The store: models, migrations, coordinates, codes and the rules of the domain.

Knows nothing of the web, of Dash or of files; imports none of the other packages.
"""
