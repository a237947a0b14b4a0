"""Indexing decisions, pure: what is missing, in which requests to ask for it, how wide, and what a new head means.

May import `model` and `errors`. Never talks to a node and never waits: the shell in `chain` asks, and hands answers in.
"""
