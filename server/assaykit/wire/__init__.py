"""The REST v2 contract of Arize AX as pydantic models, one module per noun.

Requests forbid unknown fields, replies ignore them, so that AX can add fields without breaking us.
Every class names the operation it belongs to; field spelling is AX's.
"""
