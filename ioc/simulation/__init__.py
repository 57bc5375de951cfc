"""A district that can be watched: rain falls, drains fill, pumps start, vehicles drive; all of it synthetic.

It knows the devices of the demo district and speaks to the same doors, by the same protocols, as real ones.
"""
