"""The REST v2 contract of Arize AX as pydantic models, one module per noun.

Requests forbid unknown fields. Replies ignore them, so that AX can add fields without breaking this client. Every class
names its operation, and fields are spelled as in AX.
"""
