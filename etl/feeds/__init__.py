"""How devices speak: codecs of the field's protocols, pure functions between bytes and messages."""
