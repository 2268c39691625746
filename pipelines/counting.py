"""Rewrite a template so that its loops, texts and lists are counted as they are made.

Calls, filters and operators pass through the environment anyway; these do not.
"""

from typing import cast

from jinja2 import nodes
from jinja2.visitor import NodeTransformer

__all__ = ["counting"]

_LITERALS = (nodes.Const, nodes.Dict, nodes.List, nodes.Tuple)


def counting(template: nodes.Template) -> nodes.Template:
    """Return `template`, rewritten to use the filters of pipelines/bounded.py."""
    return cast("nodes.Template", _Counting().visit(template))


class _Counting(NodeTransformer):
    def visit(self, node: nodes.Node, *_: object, **__: object) -> nodes.Node:
        self.generic_visit(node)
        match node:
            case nodes.For():
                node.iter = _filtered(node.iter, "_counted")
            case nodes.Concat():
                return _filtered(nodes.List(node.nodes, lineno=node.lineno), "_concatenated")
            case nodes.Getitem(arg=nodes.Slice()):
                return _filtered(node, "_made")
            case nodes.Dict() | nodes.List() | nodes.Tuple(ctx="load"):
                constant = all(isinstance(part, _LITERALS) for part in node.find_all(nodes.Expr))
                return node if constant else _filtered(node, "_made")
            case _:
                pass
        return node


def _filtered(node: nodes.Node, name: str) -> nodes.Filter:
    counted = nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)
    if node.environment is not None:
        counted.set_environment(node.environment)
    return counted
