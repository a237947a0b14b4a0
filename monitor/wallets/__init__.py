"""Wallets: transfers and leases → links with evidence → clusters → explanations.

A link says what two wallets share and how surprising that is, in bits; a cluster joins wallets whose links add up over
at least two kinds of evidence (`monitor.wallets.evidence`). A lease payment never links a renter and a provider, one
transfer alone never merges anything, and hubs connect nobody. May import `monitor.facts` and below; reads no file,
clock or node, and knows nothing of rules or surfaces.
"""
