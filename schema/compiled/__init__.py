"""Compiled execution: what graphql-core looks up for each field of each object is looked up once for each document.

`plans` compiles a field of a document and all below it into functions, `executor` calls them from graphql-core's
executor, which still does the rest: variables, the order of root fields, errors, events, and what is not compiled.
"""
