"""The reference server core: sessions, channels, trees, opens; policies say what it chooses, parts hold its
state.
"""
