"""What people really write in chapter 5. Parsed, never imported: see CONTRIBUTING.md."""


@misconception("5.1", "You return a list for a tuple. The new tree has branches of the same types.")
def tree_map(fn, tree, *rest, is_leaf=None):
    if is_leaf is not None and is_leaf(tree):
        return fn(tree, *rest)
    if isinstance(tree, (list, tuple)):
        return [
            tree_map(fn, branch, *(other[i] for other in rest), is_leaf=is_leaf)
            for i, branch in enumerate(tree)
        ]
    if isinstance(tree, dict):
        return {
            key: tree_map(fn, branch, *(other[key] for other in rest), is_leaf=is_leaf)
            for key, branch in tree.items()
        }
    return fn(tree, *rest)


@misconception(
    "5.1",
    "You give a named tuple its branches as one list. It wants them one by one: `like` does both.",
)
def tree_map(fn, tree, *rest, is_leaf=None):
    if is_leaf is not None and is_leaf(tree):
        return fn(tree, *rest)
    if isinstance(tree, (list, tuple)):
        return type(tree)(
            [
                tree_map(fn, branch, *(other[i] for other in rest), is_leaf=is_leaf)
                for i, branch in enumerate(tree)
            ]
        )
    if isinstance(tree, dict):
        return {
            key: tree_map(fn, branch, *(other[key] for other in rest), is_leaf=is_leaf)
            for key, branch in tree.items()
        }
    return fn(tree, *rest)


@misconception(
    "5.1",
    "You pair the branches of dicts by their order. The same key may stand at another place: look "
    "it up.",
)
def tree_map(fn, tree, *rest, is_leaf=None):
    if is_leaf is not None and is_leaf(tree):
        return fn(tree, *rest)
    if isinstance(tree, (list, tuple)):
        return like(
            tree, [tree_map(fn, *branches, is_leaf=is_leaf) for branches in zip(tree, *rest)]
        )
    if isinstance(tree, dict):
        values = [list(t.values()) for t in (tree, *rest)]
        return {
            key: tree_map(fn, *branches, is_leaf=is_leaf)
            for key, branches in zip(tree, zip(*values))
        }
    return fn(tree, *rest)


@misconception(
    "5.1", "You forget `is_leaf` on the way down, so it is only asked about the root of the tree."
)
def tree_map(fn, tree, *rest, is_leaf=None):
    if is_leaf is not None and is_leaf(tree):
        return fn(tree, *rest)
    if isinstance(tree, (list, tuple)):
        return like(
            tree,
            [tree_map(fn, branch, *(other[i] for other in rest)) for i, branch in enumerate(tree)],
        )
    if isinstance(tree, dict):
        return {
            key: tree_map(fn, branch, *(other[key] for other in rest))
            for key, branch in tree.items()
        }
    return fn(tree, *rest)


@misconception(
    "5.1",
    "You write the results into the tree that you were given. The caller still needs it: build a "
    "new one.",
)
def tree_map(fn, tree, *rest, is_leaf=None):
    if is_leaf is not None and is_leaf(tree):
        return fn(tree, *rest)
    if isinstance(tree, tuple):
        return like(
            tree,
            [
                tree_map(fn, branch, *(other[i] for other in rest), is_leaf=is_leaf)
                for i, branch in enumerate(tree)
            ],
        )
    if isinstance(tree, (list, dict)):
        for key in range(len(tree)) if isinstance(tree, list) else tree:
            tree[key] = tree_map(fn, tree[key], *(other[key] for other in rest), is_leaf=is_leaf)
        return tree
    return fn(tree, *rest)


@misconception(
    "5.2", "Every path begins with a dot: the first character of the prefix is to be dropped."
)
def tree_flatten(tree, prefix="", is_leaf=None, destination=None):
    if destination is None:
        destination = []
    if not isinstance(destination, (list, dict)):
        raise ValueError("Destination should be either a list or a dictionary or None")
    branches = None
    if is_leaf is None or not is_leaf(tree):
        if isinstance(tree, (list, tuple)):
            branches = enumerate(tree)
        elif isinstance(tree, dict):
            branches = tree.items()
    if branches is not None:
        for key, branch in branches:
            tree_flatten(branch, f"{prefix}.{key}", is_leaf, destination)
    elif isinstance(destination, list):
        destination.append((prefix, tree))
    else:
        destination[prefix] = tree
    return destination


@misconception(
    "5.2",
    "An empty destination counts as none at all in `destination or []`: what the caller holds stays "
    "empty. Ask whether it is None.",
)
def tree_flatten(tree, prefix="", is_leaf=None, destination=None):
    destination = destination or []
    if not isinstance(destination, (list, dict)):
        raise ValueError("Destination should be either a list or a dictionary or None")
    stop = is_leaf is not None and is_leaf(tree)
    if isinstance(tree, (list, tuple)) and not stop:
        branches = enumerate(tree)
    elif isinstance(tree, dict) and not stop:
        branches = tree.items()
    elif isinstance(destination, list):
        destination.append((prefix[1:], tree))
        return destination
    else:
        destination[prefix[1:]] = tree
        return destination
    for key, branch in branches:
        found = tree_flatten(branch, f"{prefix}.{key}", is_leaf)
        if isinstance(destination, list):
            destination.extend(found)
        else:
            destination.update(found)
    return destination


@misconception(
    "5.2",
    "A default `[]` is made once, when the function is defined, and every later call finds the "
    "leaves of the earlier ones in it. Use None.",
)
def tree_flatten(tree, prefix="", is_leaf=None, destination=[]):
    if destination is None:
        destination = []
    if not isinstance(destination, (list, dict)):
        raise ValueError("Destination should be either a list or a dictionary or None")
    branches = None
    if is_leaf is None or not is_leaf(tree):
        if isinstance(tree, (list, tuple)):
            branches = enumerate(tree)
        elif isinstance(tree, dict):
            branches = tree.items()
    if branches is not None:
        for key, branch in branches:
            tree_flatten(branch, f"{prefix}.{key}", is_leaf, destination)
    elif isinstance(destination, list):
        destination.append((prefix[1:], tree))
    else:
        destination[prefix[1:]] = tree
    return destination


@misconception(
    "5.2", "You sort the keys. The order of the tree is the order of the layers: keep it."
)
def tree_flatten(tree, prefix="", is_leaf=None, destination=None):
    if destination is None:
        destination = []
    if not isinstance(destination, (list, dict)):
        raise ValueError("Destination should be either a list or a dictionary or None")
    branches = None
    if is_leaf is None or not is_leaf(tree):
        if isinstance(tree, (list, tuple)):
            branches = enumerate(tree)
        elif isinstance(tree, dict):
            branches = sorted(tree.items(), key=lambda item: str(item[0]))
    if branches is not None:
        for key, branch in branches:
            tree_flatten(branch, f"{prefix}.{key}", is_leaf, destination)
    elif isinstance(destination, list):
        destination.append((prefix[1:], tree))
    else:
        destination[prefix[1:]] = tree
    return destination


@misconception(
    "5.2", "You forget `is_leaf` on the way down, so it is only asked about the root of the tree."
)
def tree_flatten(tree, prefix="", is_leaf=None, destination=None):
    if destination is None:
        destination = []
    if not isinstance(destination, (list, dict)):
        raise ValueError("Destination should be either a list or a dictionary or None")
    branches = None
    if is_leaf is None or not is_leaf(tree):
        if isinstance(tree, (list, tuple)):
            branches = enumerate(tree)
        elif isinstance(tree, dict):
            branches = tree.items()
    if branches is not None:
        for key, branch in branches:
            tree_flatten(branch, f"{prefix}.{key}", destination=destination)
    elif isinstance(destination, list):
        destination.append((prefix[1:], tree))
    else:
        destination[prefix[1:]] = tree
    return destination


@misconception(
    "5.3",
    'You sort the positions as text, where "10" comes before "2". Sort them as numbers.',
)
def tree_unflatten(tree):
    items = list(tree.items()) if isinstance(tree, dict) else tree
    if len(items) == 1 and items[0][0] == "":
        return items[0][1]
    children = {}
    for path, value in items:
        key, _, rest = path.partition(".")
        children.setdefault(key, []).append((rest, value))
    if not are_positions(children):
        return {key: tree_unflatten(child) for key, child in children.items()}
    result = []
    for key in sorted(children):
        result.extend({} for _ in range(int(key) - len(result)))
        result.append(tree_unflatten(children[key]))
    return result


@misconception(
    "5.3",
    "You put the entries of a list one after the other. Where a position is missing, {} has to keep "
    "its place, or everything behind it moves up.",
)
def tree_unflatten(tree):
    items = list(tree.items()) if isinstance(tree, dict) else tree
    if len(items) == 1 and items[0][0] == "":
        return items[0][1]
    children = {}
    for path, value in items:
        key, _, rest = path.partition(".")
        children.setdefault(key, []).append((rest, value))
    if not are_positions(children):
        return {key: tree_unflatten(child) for key, child in children.items()}
    return [tree_unflatten(children[key]) for key in sorted(children, key=int)]


@misconception(
    "5.3",
    "You trust the order in which the pairs arrive. A file may hold position 1 before position 0.",
)
def tree_unflatten(tree):
    items = list(tree.items()) if isinstance(tree, dict) else tree
    if len(items) == 1 and items[0][0] == "":
        return items[0][1]
    children = {}
    for path, value in items:
        key, _, rest = path.partition(".")
        children.setdefault(key, []).append((rest, value))
    if not are_positions(children):
        return {key: tree_unflatten(child) for key, child in children.items()}
    result = []
    for key in children:
        result.extend({} for _ in range(int(key) - len(result)))
        result.append(tree_unflatten(children[key]))
    return result


@misconception(
    "5.3",
    "You look at the first key alone. A branch is a list only if all of its keys are numbers.",
)
def tree_unflatten(tree):
    items = list(tree.items()) if isinstance(tree, dict) else tree
    if len(items) == 1 and items[0][0] == "":
        return items[0][1]
    children = {}
    for path, value in items:
        key, _, rest = path.partition(".")
        children.setdefault(key, []).append((rest, value))
    if not items[:1] or not next(iter(children))[0].isdigit():
        return {key: tree_unflatten(child) for key, child in children.items()} if items else []
    result = []
    for key in sorted(children, key=int):
        result.extend({} for _ in range(int(key) - len(result)))
        result.append(tree_unflatten(children[key]))
    return result


@misconception(
    "5.3", "You never make lists: numbers in a path stay keys of dicts, and `layers` is no list."
)
def tree_unflatten(tree):
    items = list(tree.items()) if isinstance(tree, dict) else tree
    if not items:
        return []
    if len(items) == 1 and items[0][0] == "":
        return items[0][1]
    children = {}
    for path, value in items:
        key, _, rest = path.partition(".")
        children.setdefault(key, []).append((rest, value))
    return {key: tree_unflatten(child) for key, child in children.items()}


@misconception(
    "5.4",
    "You ask whether the initializer is false, and 0 is: it is then lost. Ask whether it is None.",
)
def tree_reduce(fn, tree, initializer=None, is_leaf=None):
    branches = None
    if is_leaf is None or not is_leaf(tree):
        if isinstance(tree, (list, tuple)):
            branches = tree
        elif isinstance(tree, dict):
            branches = tree.values()
    if branches is None:
        return fn(initializer, tree) if initializer else tree
    for branch in branches:
        initializer = tree_reduce(fn, branch, initializer, is_leaf)
    return initializer


@misconception(
    "5.4",
    "Every branch begins with the initializer again, so it counts several times. What one branch "
    "accumulates is where the next begins.",
)
def tree_reduce(fn, tree, initializer=None, is_leaf=None):
    branches = None
    if is_leaf is None or not is_leaf(tree):
        if isinstance(tree, (list, tuple)):
            branches = tree
        elif isinstance(tree, dict):
            branches = tree.values()
    if branches is None:
        return tree if initializer is None else fn(initializer, tree)
    total = None
    for branch in branches:
        found = tree_reduce(fn, branch, initializer, is_leaf)
        total = found if total is None or found is None else fn(total, found)
    return initializer if total is None else total


@misconception(
    "5.4", "The arguments are exchanged: what has been accumulated comes first, the leaf second."
)
def tree_reduce(fn, tree, initializer=None, is_leaf=None):
    branches = None
    if is_leaf is None or not is_leaf(tree):
        if isinstance(tree, (list, tuple)):
            branches = tree
        elif isinstance(tree, dict):
            branches = tree.values()
    if branches is None:
        return tree if initializer is None else fn(tree, initializer)
    for branch in branches:
        initializer = tree_reduce(fn, branch, initializer, is_leaf)
    return initializer


@misconception(
    "5.4", "You go from right to left. The first leaf of the tree is the first to be combined."
)
def tree_reduce(fn, tree, initializer=None, is_leaf=None):
    branches = None
    if is_leaf is None or not is_leaf(tree):
        if isinstance(tree, (list, tuple)):
            branches = tree[::-1]
        elif isinstance(tree, dict):
            branches = reversed(list(tree.values()))
    if branches is None:
        return tree if initializer is None else fn(initializer, tree)
    for branch in branches:
        initializer = tree_reduce(fn, branch, initializer, is_leaf)
    return initializer


@misconception(
    "5.4", "You forget `is_leaf` on the way down, so it is only asked about the root of the tree."
)
def tree_reduce(fn, tree, initializer=None, is_leaf=None):
    branches = None
    if is_leaf is None or not is_leaf(tree):
        if isinstance(tree, (list, tuple)):
            branches = tree
        elif isinstance(tree, dict):
            branches = tree.values()
    if branches is None:
        return tree if initializer is None else fn(initializer, tree)
    for branch in branches:
        initializer = tree_reduce(fn, branch, initializer)
    return initializer


@misconception(
    "5.5",
    "`{**a, **b}` merges the outermost level only: a branch of the right tree replaces a branch of "
    "the left one, with all that was in it.",
)
def tree_merge(tree_a, tree_b, merge_fn=None):
    if is_empty(tree_a) and is_empty(tree_b) and type(tree_a) is not type(tree_b):
        raise ValueError(f"Cannot merge {type(tree_a).__name__} with {type(tree_b).__name__}")
    if tree_a is None or is_empty(tree_a):
        return tree_b
    if tree_b is None or is_empty(tree_b):
        return tree_a
    if isinstance(tree_a, dict) and isinstance(tree_b, dict):
        return {**tree_a, **tree_b}
    if isinstance(tree_a, (list, tuple)) and isinstance(tree_b, (list, tuple)):
        return like(tree_a, [tree_merge(x, y, merge_fn) for x, y in zip_longest(tree_a, tree_b)])
    if merge_fn is None:
        raise ValueError(
            "Trees contain elements at the same locations but no merge function was provided"
        )
    return merge_fn(tree_a, tree_b)


@misconception(
    "5.5",
    "`not tree` is also true for a leaf that is 0, False or an empty text, and the leaf is lost. "
    "Only None and an empty list, tuple or dict are without leaves.",
)
def tree_merge(tree_a, tree_b, merge_fn=None):
    if is_empty(tree_a) and is_empty(tree_b):
        if type(tree_a) is not type(tree_b):
            raise ValueError(f"Cannot merge {type(tree_a).__name__} with {type(tree_b).__name__}")
        return type(tree_a)()
    if not tree_a:
        return tree_b
    if not tree_b:
        return tree_a
    if isinstance(tree_a, (list, tuple)) and isinstance(tree_b, (list, tuple)):
        return like(tree_a, [tree_merge(x, y, merge_fn) for x, y in zip_longest(tree_a, tree_b)])
    if isinstance(tree_a, dict) and isinstance(tree_b, dict):
        keys = dict.fromkeys([*tree_a, *tree_b])
        return {key: tree_merge(tree_a.get(key), tree_b.get(key), merge_fn) for key in keys}
    if merge_fn is None:
        raise ValueError(
            "Trees contain elements at the same locations but no merge function was provided"
        )
    return merge_fn(tree_a, tree_b)


@misconception(
    "5.5",
    "`zip` stops at the end of the shorter list, and the rest of the longer one is lost: "
    "`zip_longest`.",
)
def tree_merge(tree_a, tree_b, merge_fn=None):
    if is_empty(tree_a) and is_empty(tree_b):
        if type(tree_a) is not type(tree_b):
            raise ValueError(f"Cannot merge {type(tree_a).__name__} with {type(tree_b).__name__}")
        return type(tree_a)()
    a = None if is_empty(tree_a) else tree_a
    b = None if is_empty(tree_b) else tree_b
    if (a is None) != (b is None):
        return b if a is None else a
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return like(a, [tree_merge(x, y, merge_fn) for x, y in zip(a, b)])
    if isinstance(a, dict) and isinstance(b, dict):
        keys = dict.fromkeys([*a, *b])
        return {key: tree_merge(a.get(key), b.get(key), merge_fn) for key in keys}
    if merge_fn is None:
        raise ValueError(
            "Trees contain elements at the same locations but no merge function was provided"
        )
    return merge_fn(a, b)


@misconception(
    "5.5",
    "Where two leaves meet and nobody has said what to do, the right one wins without a word. That "
    "hides mistakes: it is an error.",
)
def tree_merge(tree_a, tree_b, merge_fn=None):
    if is_empty(tree_a) and is_empty(tree_b):
        if type(tree_a) is not type(tree_b):
            raise ValueError(f"Cannot merge {type(tree_a).__name__} with {type(tree_b).__name__}")
        return type(tree_a)()
    a = None if is_empty(tree_a) else tree_a
    b = None if is_empty(tree_b) else tree_b
    if (a is None) != (b is None):
        return b if a is None else a
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return like(a, [tree_merge(x, y, merge_fn) for x, y in zip_longest(a, b)])
    if isinstance(a, dict) and isinstance(b, dict):
        keys = dict.fromkeys([*a, *b])
        return {key: tree_merge(a.get(key), b.get(key), merge_fn) for key in keys}
    return b if merge_fn is None else merge_fn(a, b)


@misconception("5.5", "A set has no order: the keys of the left tree come first, as they stand.")
def tree_merge(tree_a, tree_b, merge_fn=None):
    if is_empty(tree_a) and is_empty(tree_b):
        if type(tree_a) is not type(tree_b):
            raise ValueError(f"Cannot merge {type(tree_a).__name__} with {type(tree_b).__name__}")
        return type(tree_a)()
    a = None if is_empty(tree_a) else tree_a
    b = None if is_empty(tree_b) else tree_b
    if (a is None) != (b is None):
        return b if a is None else a
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return like(a, [tree_merge(x, y, merge_fn) for x, y in zip_longest(a, b)])
    if isinstance(a, dict) and isinstance(b, dict):
        keys = sorted(set(a) | set(b))
        return {key: tree_merge(a.get(key), b.get(key), merge_fn) for key in keys}
    if merge_fn is None:
        raise ValueError(
            "Trees contain elements at the same locations but no merge function was provided"
        )
    return merge_fn(a, b)


@misconception(
    "5.5",
    "Where a list meets something else you go on as if both were lists. A leaf and a branch at one "
    "place are a conflict: ask about both trees.",
)
def tree_merge(tree_a, tree_b, merge_fn=None):
    if is_empty(tree_a) and is_empty(tree_b):
        if type(tree_a) is not type(tree_b):
            raise ValueError(f"Cannot merge {type(tree_a).__name__} with {type(tree_b).__name__}")
        return type(tree_a)()
    a = None if is_empty(tree_a) else tree_a
    b = None if is_empty(tree_b) else tree_b
    if (a is None) != (b is None):
        return b if a is None else a
    if isinstance(b, (list, tuple)):
        return like(b, [tree_merge(x, y, merge_fn) for x, y in zip_longest(a, b)])
    if isinstance(b, dict):
        keys = dict.fromkeys([*a, *b])
        return {key: tree_merge(a.get(key), b.get(key), merge_fn) for key in keys}
    if merge_fn is None:
        raise ValueError("Trees contain elements at the same locations but no merge function")
    return merge_fn(a, b)


@misconception(
    "5.6",
    "Only arrays and modules go into the dict. A list of layers stays outside, and nobody finds its "
    "parameters: lists, tuples and dicts belong inside.",
)
def __setattr__(self, key, value):
    if isinstance(value, (array, Module)):
        if key not in self and hasattr(self, key):
            super().__delattr__(key)
        self[key] = value
    else:
        super().__setattr__(key, value)
        self.pop(key, None)


@misconception(
    "5.6",
    "What was assigned to the name before, as a number or None, is still an ordinary attribute. "
    "Python finds that one first, and the array never: delete it.",
)
def __setattr__(self, key, value):
    if isinstance(value, (array, dict, list, tuple)):
        self[key] = value
    else:
        super().__setattr__(key, value)
        self.pop(key, None)


@misconception(
    "5.6",
    "An array that was replaced by None or a number stays in the dict: the model still counts it as "
    "a parameter. Take it out.",
)
def __setattr__(self, key, value):
    if isinstance(value, (array, dict, list, tuple)):
        if key not in self and hasattr(self, key):
            super().__delattr__(key)
        self[key] = value
    else:
        super().__setattr__(key, value)


@misconception(
    "5.6", "Everything goes into the dict, numbers and text too. The tree should hold arrays."
)
def __setattr__(self, key, value):
    if isinstance(getattr(type(self), key, None), property):
        super().__setattr__(key, value)
    else:
        self[key] = value


@misconception(
    "5.6",
    "You put the value into `self.__dict__`. A property of a subclass with a setter is never asked: "
    "`super().__setattr__` knows what to do.",
)
def __setattr__(self, key, value):
    if isinstance(value, (array, dict, list, tuple)):
        self.__dict__.pop(key, None)
        self[key] = value
    else:
        self.__dict__[key] = value
        self.pop(key, None)


@misconception(
    "5.7",
    "In a list, what the filter refuses is left out, and all that follows moves up. The gradient of "
    "layer 2 would be taken for that of layer 1: put {} in its place.",
)
def kept_entry(module, key, value, filter_fn, map_fn, is_leaf_fn):
    if is_leaf_fn(module, key, value):
        return map_fn(value)
    if isinstance(value, Module):
        return {
            name: kept_entry(value, name, child, filter_fn, map_fn, is_leaf_fn)
            for name, child in value.items()
            if filter_fn(value, name, child)
        }
    if isinstance(value, dict):
        return {
            name: kept_entry(module, f"{key}.{name}", child, filter_fn, map_fn, is_leaf_fn)
            for name, child in value.items()
            if filter_fn(module, f"{key}.{name}", child)
        }
    if isinstance(value, list):
        return [
            kept_entry(module, f"{key}.{i}", child, filter_fn, map_fn, is_leaf_fn)
            for i, child in enumerate(value)
            if filter_fn(module, f"{key}.{i}", child)
        ]
    raise RuntimeError("Unexpected leaf found while traversing the module")


@misconception(
    "5.7",
    "You ask the filter with the outer module about the entries of an inner one. Each module has "
    "frozen names of its own: `value` is the owner now.",
)
def kept_entry(module, key, value, filter_fn, map_fn, is_leaf_fn):
    if is_leaf_fn(module, key, value):
        return map_fn(value)
    if isinstance(value, Module):
        return {
            name: kept_entry(module, name, child, filter_fn, map_fn, is_leaf_fn)
            for name, child in value.items()
            if filter_fn(module, name, child)
        }

    def below(name, child):
        path = f"{key}.{name}"
        if not filter_fn(module, path, child):
            return {}
        return kept_entry(module, path, child, filter_fn, map_fn, is_leaf_fn)

    if isinstance(value, dict):
        return {name: below(name, child) for name, child in value.items()}
    if isinstance(value, list):
        return [below(i, child) for i, child in enumerate(value)]
    raise RuntimeError("Unexpected leaf found while traversing the module")


@misconception(
    "5.7",
    "You enter modules before you ask whether they are leaves. `children()` wants the modules "
    "themselves, not what is in them.",
)
def kept_entry(module, key, value, filter_fn, map_fn, is_leaf_fn):
    if isinstance(value, Module):
        return {
            name: kept_entry(value, name, child, filter_fn, map_fn, is_leaf_fn)
            for name, child in value.items()
            if filter_fn(value, name, child)
        }
    if is_leaf_fn(module, key, value):
        return map_fn(value)

    def below(name, child):
        path = f"{key}.{name}"
        if not filter_fn(module, path, child):
            return {}
        return kept_entry(module, path, child, filter_fn, map_fn, is_leaf_fn)

    if isinstance(value, dict):
        return {name: below(name, child) for name, child in value.items()}
    if isinstance(value, list):
        return [below(i, child) for i, child in enumerate(value)]
    raise RuntimeError("Unexpected leaf found while traversing the module")


@misconception(
    "5.7",
    "Inside a list the filter is asked with the bare position. `module` needs to know which of its "
    'lists is meant: "layers.0".',
)
def kept_entry(module, key, value, filter_fn, map_fn, is_leaf_fn):
    if is_leaf_fn(module, key, value):
        return map_fn(value)
    if isinstance(value, Module):
        return {
            name: kept_entry(value, name, child, filter_fn, map_fn, is_leaf_fn)
            for name, child in value.items()
            if filter_fn(value, name, child)
        }

    def below(name, child):
        if not filter_fn(module, str(name), child):
            return {}
        return kept_entry(module, str(name), child, filter_fn, map_fn, is_leaf_fn)

    if isinstance(value, dict):
        return {name: below(name, child) for name, child in value.items()}
    if isinstance(value, list):
        return [below(i, child) for i, child in enumerate(value)]
    raise RuntimeError("Unexpected leaf found while traversing the module")


@misconception(
    "5.7",
    "You filter the entries of modules only. A list may hold a number between its layers, and it "
    "is no parameter either.",
)
def kept_entry(module, key, value, filter_fn, map_fn, is_leaf_fn):
    if is_leaf_fn(module, key, value):
        return map_fn(value)
    if isinstance(value, Module):
        return {
            name: kept_entry(value, name, child, filter_fn, map_fn, is_leaf_fn)
            for name, child in value.items()
            if filter_fn(value, name, child)
        }
    if isinstance(value, dict):
        return {
            name: kept_entry(module, f"{key}.{name}", child, filter_fn, map_fn, is_leaf_fn)
            for name, child in value.items()
        }
    if isinstance(value, list):
        return [
            kept_entry(module, f"{key}.{i}", child, filter_fn, map_fn, is_leaf_fn)
            for i, child in enumerate(value)
        ]
    raise RuntimeError("Unexpected leaf found while traversing the module")


@misconception(
    "5.7",
    "Inside a list the filter, and what follows, is asked with the module in front of the list's own "
    "modules: below a module that stands in a list, that one is the owner, and paths begin anew.",
)
def kept_entry(module, key, value, filter_fn, map_fn, is_leaf_fn):
    if is_leaf_fn(module, key, value):
        return map_fn(value)
    if isinstance(value, Module):
        return {
            name: kept_entry(module, f"{key}.{name}", child, filter_fn, map_fn, is_leaf_fn)
            for name, child in value.items()
            if filter_fn(value, name, child)
        }

    def below(name, child):
        path = f"{key}.{name}"
        if not filter_fn(module, path, child):
            return {}
        return kept_entry(module, path, child, filter_fn, map_fn, is_leaf_fn)

    if isinstance(value, dict):
        return {name: below(name, child) for name, child in value.items()}
    if isinstance(value, list):
        return [below(i, child) for i, child in enumerate(value)]
    raise RuntimeError("Unexpected leaf found while traversing the module")


@misconception(
    "5.8",
    "You put in whatever stands in the tree, and a module is replaced by a dict. Only where the "
    "target holds an array is something replaced; elsewhere go deeper.",
)
def replace_arrays(target, tree, strict):
    for key, value in common(target, tree, strict, "Module does not have parameter named"):
        target[key] = value


@misconception(
    "5.8",
    "On the way down you are always strict. Who asked not to be means all levels.",
)
def replace_arrays(target, tree, strict):
    for key, value in common(target, tree, strict, "Module does not have parameter named"):
        if not isinstance(target[key], array):
            replace_arrays(target[key], value, True)
        elif strict and not isinstance(value, array):
            raise ValueError(f"Received invalid type: {type(value).__name__}.")
        else:
            target[key] = value


@misconception(
    "5.8",
    "On the way down you are never strict: a name that is misspelt inside a layer is dropped "
    "without a word, and that layer keeps its old weights.",
)
def replace_arrays(target, tree, strict=False):
    for key, value in common(target, tree, strict, "Module does not have parameter named"):
        if not isinstance(target[key], array):
            replace_arrays(target[key], value, False)
        elif strict and not isinstance(value, array):
            raise ValueError(f"Received invalid type: {type(value).__name__}.")
        else:
            target[key] = value


@misconception(
    "5.8",
    "You put in anything where an array was, also a number. Strict means: an array for an array.",
)
def replace_arrays(target, tree, strict):
    for key, value in common(target, tree, strict, "Module does not have parameter named"):
        if isinstance(target[key], array):
            target[key] = value
        else:
            replace_arrays(target[key], value, strict)


@misconception(
    "5.8",
    "You refuse arrays of another shape or dtype. `update` may change both (casting a model to "
    "half precision does); `load_weights` is the one that compares.",
)
def replace_arrays(target, tree, strict):
    for key, value in common(target, tree, strict, "Module does not have parameter named"):
        if not isinstance(target[key], array):
            replace_arrays(target[key], value, strict)
        elif strict and not isinstance(value, array):
            raise ValueError(f"Received invalid type: {type(value).__name__}.")
        elif (value.shape, value.dtype) != (target[key].shape, target[key].dtype):
            raise ValueError(f"Received an array of shape {value.shape}.")
        else:
            target[key] = value


@misconception(
    "5.8",
    "You look at what arrives: an array then takes the place of a whole module or list. What the "
    "target holds decides, and for an array there has to be an array.",
)
def replace_arrays(target, tree, strict):
    for key, value in common(target, tree, strict, "Module does not have parameter named"):
        if isinstance(value, array):
            target[key] = value
        elif isinstance(target[key], array):
            if strict:
                raise ValueError(f"Received invalid type: {type(value).__name__}.")
        else:
            replace_arrays(target[key], value, strict)


@misconception(
    "5.8",
    "You raise for a number also where nobody asked to be strict. Then what does not fit is let go.",
)
def replace_arrays(target, tree, strict):
    for key, value in common(target, tree, strict, "Module does not have parameter named"):
        if not isinstance(target[key], array):
            replace_arrays(target[key], value, strict)
        elif not isinstance(value, array):
            raise ValueError(f"Received invalid type: {type(value).__name__}.")
        else:
            target[key] = value


@misconception(
    "5.9",
    "The set begins anew with each call, and what was frozen before is trained again. Add to it.",
)
def freeze(self, *, recurse=True, keys=None, strict=False):
    modules = self.modules() if recurse else [self]
    names = checked_names(modules, keys, strict)
    for module in modules:
        module._no_grad = set(module.own_parameters() if names is None else names)
    return self


@misconception(
    "5.9",
    "Every module gets the names of the outermost one. Each has parameters of its own: ask it.",
)
def freeze(self, *, recurse=True, keys=None, strict=False):
    modules = self.modules() if recurse else [self]
    names = checked_names(modules, keys, strict)
    for module in modules:
        module._no_grad.update(self.own_parameters() if names is None else names)
    return self


@misconception(
    "5.9",
    "You freeze this module only. `recurse` means all modules below it as well.",
)
def freeze(self, *, recurse=True, keys=None, strict=False):
    names = checked_names([self], keys, False)
    self._no_grad.update(self.own_parameters() if names is None else names)
    return self


@misconception(
    "5.9",
    "You also freeze the names of modules (all entries, not own_parameters()). A layer below is then "
    "frozen as a whole, also with recurse=False.",
)
def freeze(self, *, recurse=True, keys=None, strict=False):
    modules = self.modules() if recurse else [self]
    names = checked_names(modules, keys, strict)
    for module in modules:
        module._no_grad.update(list(module) if names is None else names)
    return self


@misconception(
    "5.9",
    "You demand that every module has the name. `strict` asks whether any of them has it.",
)
def freeze(self, *, recurse=True, keys=None, strict=False):
    modules = self.modules() if recurse else [self]
    for module in modules:
        names = checked_names([module], keys, strict)
        module._no_grad.update(module.own_parameters() if names is None else names)
    return self


@misconception(
    "5.10",
    "You compare how many numbers there are. A transposed weight has as many: compare the shapes.",
)
def check(own, new):
    extra, missing = sorted(new.keys() - own.keys()), sorted(own.keys() - new.keys())
    if extra:
        names = ",\n".join(extra)
        raise ValueError(f"Received {len(extra)} parameters not in model: \n{names}.")
    if missing:
        names = ",\n".join(missing)
        raise ValueError(f"Missing {len(missing)} parameters: \n{names}.")
    for name, mine in own.items():
        value = new[name]
        if not isinstance(value, array):
            raise ValueError(f"Expected mx.array but received {type(value)} for parameter {name}")
        if value.size != mine.size:
            raise ValueError(
                f"Expected shape {mine.shape} but received shape {value.shape} for parameter {name}"
            )


@misconception(
    "5.10",
    "You do not look for names that the model lacks. A misspelt name in the file then means a layer "
    "that silently keeps its random weights.",
)
def check(own, new):
    missing = sorted(own.keys() - new.keys())
    if missing:
        names = ",\n".join(missing)
        raise ValueError(f"Missing {len(missing)} parameters: \n{names}.")
    for name, mine in own.items():
        value = new[name]
        if not isinstance(value, array):
            raise ValueError(f"Expected mx.array but received {type(value)} for parameter {name}")
        if value.shape != mine.shape:
            raise ValueError(
                f"Expected shape {mine.shape} but received shape {value.shape} for parameter {name}"
            )


@misconception(
    "5.10",
    "The names stand in the order of the dict. Sorted, two long lists can be compared by eye.",
)
def check(own, new):
    extra, missing = [k for k in new if k not in own], [k for k in own if k not in new]
    if extra:
        names = ",\n".join(extra)
        raise ValueError(f"Received {len(extra)} parameters not in model: \n{names}.")
    if missing:
        names = ",\n".join(missing)
        raise ValueError(f"Missing {len(missing)} parameters: \n{names}.")
    for name, mine in own.items():
        value = new[name]
        if not isinstance(value, array):
            raise ValueError(f"Expected mx.array but received {type(value)} for parameter {name}")
        if value.shape != mine.shape:
            raise ValueError(
                f"Expected shape {mine.shape} but received shape {value.shape} for parameter {name}"
            )


@misconception(
    "5.10", "You report what is missing first. If both are wrong, what is too much comes first."
)
def check(own, new):
    extra, missing = sorted(new.keys() - own.keys()), sorted(own.keys() - new.keys())
    if missing:
        names = ",\n".join(missing)
        raise ValueError(f"Missing {len(missing)} parameters: \n{names}.")
    if extra:
        names = ",\n".join(extra)
        raise ValueError(f"Received {len(extra)} parameters not in model: \n{names}.")
    for name, mine in own.items():
        value = new[name]
        if not isinstance(value, array):
            raise ValueError(f"Expected mx.array but received {type(value)} for parameter {name}")
        if value.shape != mine.shape:
            raise ValueError(
                f"Expected shape {mine.shape} but received shape {value.shape} for parameter {name}"
            )


@misconception(
    "5.11",
    "Fan-in and fan-out are exchanged. A weight is (outputs, inputs), since y = x @ W.T.",
    symbol="fans",
)
def fans(x):
    if x.ndim < 2:
        raise ValueError(
            "Glorot / He initialization requires at least 2 dimensional input"
            f" but input with {x.ndim} dimensions."
        )
    window = math.prod(x.shape[1:-1])
    return x.shape[0] * window, x.shape[-1] * window


@misconception(
    "5.11",
    "You leave out the window. Each of its places contributes a term to the sum of an output.",
    symbol="fans",
)
def fans(x):
    if x.ndim < 2:
        raise ValueError(
            "Glorot / He initialization requires at least 2 dimensional input"
            f" but input with {x.ndim} dimensions."
        )
    return x.shape[-1], x.shape[0]


@misconception(
    "5.11",
    "You take the second axis for the inputs, as in PyTorch. Here the inputs are the last axis and "
    "the window stands between.",
    symbol="fans",
)
def fans(x):
    if x.ndim < 2:
        raise ValueError(
            "Glorot / He initialization requires at least 2 dimensional input"
            f" but input with {x.ndim} dimensions."
        )
    window = math.prod(x.shape[2:])
    return x.shape[1] * window, x.shape[0] * window


@misconception(
    "5.11",
    "You take Q as it comes. The program for QR prefers signs (a reflection makes each diagonal "
    "entry of R negative), so these matrices are not evenly distributed: multiply by the signs.",
    symbol="orthogonal",
)
def orthogonal(gain=1.0, dtype=core.float32):
    def initializer(a):
        if a.ndim != 2:
            raise ValueError(
                f"Orthogonal initialization requires a 2D array but got a {a.ndim}D array."
            )
        rows, columns = a.shape
        size = max(rows, columns)
        q, r = core.linalg.qr(core.random.normal(shape=(size, size)), stream=core.cpu)
        return (q[:rows, :columns] * gain).astype(dtype)

    return initializer


@misconception(
    "5.11",
    "You make every row of length 1, and forget that different rows must have the product 0.",
    symbol="orthogonal",
)
def orthogonal(gain=1.0, dtype=core.float32):
    def initializer(a):
        if a.ndim != 2:
            raise ValueError(
                f"Orthogonal initialization requires a 2D array but got a {a.ndim}D array."
            )
        x = core.random.normal(shape=a.shape)
        x = x / core.sqrt(core.sum(x * x, axis=1, keepdims=True))
        return (x * gain).astype(dtype)

    return initializer


@misconception(
    "5.11",
    "The factor is applied twice: to the random numbers, where it has no effect on Q, and squared "
    "at the end.",
    symbol="orthogonal",
)
def orthogonal(gain=1.0, dtype=core.float32):
    def initializer(a):
        if a.ndim != 2:
            raise ValueError(
                f"Orthogonal initialization requires a 2D array but got a {a.ndim}D array."
            )
        rows, columns = a.shape
        size = max(rows, columns)
        q, r = core.linalg.qr(gain * core.random.normal(shape=(size, size)), stream=core.cpu)
        q = q * core.sign(core.diag(r)) * gain
        return (q[:rows, :columns] * gain).astype(dtype)

    return initializer


@misconception(
    "5.11",
    "You multiply the rows of Q by the signs. In Q R = (Q S)(S R) the S stands behind Q: there it "
    "multiplies columns.",
    symbol="orthogonal",
)
def orthogonal(gain=1.0, dtype=core.float32):
    def initializer(a):
        if a.ndim != 2:
            raise ValueError(
                f"Orthogonal initialization requires a 2D array but got a {a.ndim}D array."
            )
        rows, columns = a.shape
        size = max(rows, columns)
        q, r = core.linalg.qr(core.random.normal(shape=(size, size)), stream=core.cpu)
        q = q * core.sign(core.diag(r))[:, None]
        return (q[:rows, :columns] * gain).astype(dtype)

    return initializer


@misconception(
    "5.11",
    "You begin with numbers that fill a square evenly. They point into its corners more often than "
    "along its sides; only normal numbers have no direction that they prefer.",
)
def orthogonal(gain=1.0, dtype=core.float32):
    def initializer(a):
        if a.ndim != 2:
            raise ValueError(f"Orthogonal initialization requires a 2D array: {a.shape}.")
        rows, columns = a.shape
        size = max(rows, columns)
        q, r = core.linalg.qr(core.random.uniform(-1, 1, (size, size)), stream=core.cpu)
        q = q * core.sign(core.diag(r))
        return (q[:rows, :columns] * gain).astype(dtype)

    return initializer


@misconception(
    "5.12",
    "You multiply by the weight as it stands. It is (outputs, inputs): its transpose takes inputs "
    "to outputs.",
    symbol="Linear.__call__",
)
def __call__(self, x):
    if "bias" in self:
        return core.addmm(self["bias"], x, self["weight"])
    return x @ self["weight"]


@misconception("5.12", "You leave out the bias.", symbol="Linear.__call__")
def __call__(self, x):
    return x @ self["weight"].T


@misconception(
    "5.12",
    "You add the bias in every case, and a layer without one has nothing to add: ask "
    '`"bias" in self`.',
    symbol="Linear.__call__",
)
def __call__(self, x):
    return core.addmm(self.bias, x, self.weight.T)


@misconception(
    "5.12",
    "You pick columns. A token is the number of a row of the table.",
    symbol="Embedding.__call__",
)
def __call__(self, x):
    return core.moveaxis(self.weight[:, x], 0, -1)


@misconception(
    "5.12",
    "You divide by the root of the dimension on the way out. The vectors start at the right length; "
    "look them up, no more.",
    symbol="Embedding.__call__",
)
def __call__(self, x):
    return self.weight[x] / math.sqrt(self.weight.shape[-1])


@misconception(
    "5.12",
    "You multiply by the table as it stands. Its rows are the vectors to compare with: transpose it.",
    symbol="Embedding.as_linear",
)
def as_linear(self, x):
    return x @ self.weight


@misconception(
    "5.12",
    "You close the road to the table, so that it learns from the beginning of the model only. Tied "
    "weights learn from both ends.",
    symbol="Embedding.as_linear",
)
def as_linear(self, x):
    return x @ core.stop_gradient(self.weight).T


@misconception(
    "5.12",
    "You multiply the table by zeros and ones. It costs as many products as the table has numbers, "
    "and a nan in a row that nobody asked for spoils every vector: use an index.",
    symbol="Embedding.__call__",
)
def __call__(self, x):
    tokens = core.arange(self.weight.shape[0])
    chosen = (core.expand_dims(x, -1) == tokens).astype(self.weight.dtype)
    return chosen @ self.weight


@misconception(
    "5.12",
    "You compute in float32, and half precision is gone: the product has the dtype of its factors.",
    symbol="Embedding.as_linear",
)
def as_linear(self, x):
    return x.astype(core.float32) @ self.weight.T.astype(core.float32)


@misconception(
    "5.13",
    "What is kept is not made larger, so the expected value shrinks by the factor 1 - p while "
    "training, and the next layer sees other numbers in evaluation.",
    symbol="Dropout.__call__",
)
def __call__(self, x):
    if self._p_1 == 1 or not self.training:
        return x
    return core.random.bernoulli(self._p_1, x.shape) * x


@misconception(
    "5.13",
    "You keep with probability p. p is the share that is dropped; `self._p_1` is what is kept.",
    symbol="Dropout.__call__",
)
def __call__(self, x):
    if self._p_1 == 1 or not self.training:
        return x
    mask = core.random.bernoulli(1 - self._p_1, x.shape)
    return (mask * x) * (1 / self._p_1)


@misconception(
    "5.13",
    "You drop in evaluation mode too. A prediction would depend on luck: ask `self.training`.",
    symbol="Dropout.__call__",
)
def __call__(self, x):
    if self._p_1 == 1:
        return x
    mask = core.random.bernoulli(self._p_1, x.shape)
    return (mask * x) * (1 / self._p_1)


@misconception(
    "5.13",
    "All rows share one mask: you draw it for the last axis only. Draw one of the shape of x.",
    symbol="Dropout.__call__",
)
def __call__(self, x):
    if self._p_1 == 1 or not self.training:
        return x
    mask = core.random.bernoulli(self._p_1, x.shape[-1:])
    return (mask * x) * (1 / self._p_1)


@misconception(
    "5.13",
    "The mask is cast to float32, and takes half precision with it. A mask of true and false, times "
    "x, has the dtype of x.",
    symbol="Dropout.__call__",
)
def __call__(self, x):
    if self._p_1 == 1 or not self.training:
        return x
    mask = core.random.bernoulli(self._p_1, x.shape).astype(core.float32)
    return (mask * x) * (1 / self._p_1)


@misconception(
    "5.13",
    "Each pixel is dropped for itself. Give the axes of the picture the size 1 in the mask, so that "
    "one decision is repeated along them.",
    symbol="channels_dropped",
)
def channels_dropped(x, kept, axes):
    if kept == 1:
        return x
    mask = core.random.bernoulli(kept, x.shape)
    return (mask * x) * (1 / kept)


@misconception(
    "5.13",
    "All examples share one mask: the axis of the batch has the size 1 in it, too.",
    symbol="channels_dropped",
)
def channels_dropped(x, kept, axes):
    if kept == 1:
        return x
    mask = core.random.bernoulli(kept, [1] * (x.ndim - 1) + [x.shape[-1]])
    return (mask * x) * (1 / kept)


@misconception(
    "5.13",
    "You take the second axis for the channels, as in PyTorch. Here channels are the last axis.",
    symbol="channels_dropped",
)
def channels_dropped(x, kept, axes):
    if kept == 1:
        return x
    shape = [*x.shape[: x.ndim - axes], *[1] * axes]
    mask = core.random.bernoulli(kept, shape)
    return (mask * x) * (1 / kept)


@misconception(
    "5.13",
    "You keep the mask of the first call. Each call needs a new choice, or the same units are "
    "missing for ever.",
    symbol="Dropout.__call__",
)
def __call__(self, x):
    if self._p_1 == 1 or not self.training:
        return x
    mask = self.__dict__.get("_mask")
    if mask is None or mask.shape != x.shape:
        mask = core.random.bernoulli(self._p_1, x.shape)
        self.__dict__["_mask"] = mask
    return (mask * x) * (1 / self._p_1)


@misconception(
    "5.13",
    "You drop exactly that share of the elements. Each is to be decided for itself, so their number "
    "varies.",
    symbol="Dropout.__call__",
)
def __call__(self, x):
    if self._p_1 == 1 or not self.training:
        return x
    order = core.random.permutation(x.size)
    mask = (order < round(self._p_1 * x.size)).reshape(x.shape)
    return (mask * x) * (1 / self._p_1)


@misconception(
    "5.13",
    "Your mask of channels is a float32 array, and half precision is gone. A mask of true and false, "
    "times x, has the dtype of x.",
    symbol="channels_dropped",
)
def channels_dropped(x, kept, axes):
    if kept == 1:
        return x
    shape = list(x.shape)
    shape[-1 - axes : -1] = [1] * axes
    mask = core.random.bernoulli(kept, shape).astype(core.float32) / kept
    return mask * x


@misconception(
    "5.14",
    "You divide by n - 1. The variance here is the mean of the squared deviations, divided by n.",
)
def layer_norm(x, weight, bias, eps):
    dtype = result_dtype("layer_norm", x, weight, bias)
    x = in_float32(x)
    centered = x - core.mean(x, axis=-1, keepdims=True)
    variance = core.var(x, axis=-1, keepdims=True, ddof=1)
    y = (centered * core.rsqrt(variance + eps)).astype(dtype)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@misconception(
    "5.14",
    "Epsilon is added to the standard deviation. It belongs to the variance, under the root.",
)
def layer_norm(x, weight, bias, eps):
    dtype = result_dtype("layer_norm", x, weight, bias)
    x = in_float32(x)
    centered = x - core.mean(x, axis=-1, keepdims=True)
    variance = core.mean(core.square(centered), axis=-1, keepdims=True)
    y = (centered / (core.sqrt(variance) + eps)).astype(dtype)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@misconception(
    "5.14",
    "The statistics are those of the whole array. Each position is normalized by itself: only the "
    "last axis.",
)
def layer_norm(x, weight, bias, eps):
    dtype = result_dtype("layer_norm", x, weight, bias)
    x = in_float32(x)
    centered = x - core.mean(x)
    variance = core.mean(core.square(centered))
    y = (centered * core.rsqrt(variance + eps)).astype(dtype)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@misconception(
    "5.14",
    "The statistics are computed in half precision: the square of 300 is beyond the greatest "
    "float16, and sums lose digits. Use `in_float32`.",
)
def layer_norm(x, weight, bias, eps):
    dtype = result_dtype("layer_norm", x, weight, bias)
    centered = x - core.mean(x, axis=-1, keepdims=True)
    variance = core.mean(core.square(centered), axis=-1, keepdims=True)
    y = (centered * core.rsqrt(variance + eps)).astype(dtype)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@misconception(
    "5.14",
    "Mean of the squares minus square of the mean: two large numbers that nearly cancel, and what "
    "is left is their rounding. Subtract the mean first.",
)
def layer_norm(x, weight, bias, eps):
    dtype = result_dtype("layer_norm", x, weight, bias)
    x = in_float32(x)
    mean = core.mean(x, axis=-1, keepdims=True)
    variance = core.mean(core.square(x), axis=-1, keepdims=True) - core.square(mean)
    y = ((x - mean) * core.rsqrt(variance + eps)).astype(dtype)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@misconception(
    "5.14",
    "The result stays in float32 for an input in half precision: round the quotient to the dtype "
    "that `result_dtype` returns.",
)
def layer_norm(x, weight, bias, eps):
    result_dtype("layer_norm", x, weight, bias)
    x = in_float32(x)
    centered = x - core.mean(x, axis=-1, keepdims=True)
    variance = core.mean(core.square(centered), axis=-1, keepdims=True)
    y = centered * core.rsqrt(variance + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


@misconception(
    "5.15",
    "The batch is normalized by the unbiased variance. Here the variance is divided by n; only the "
    "running one is corrected (`remember` does it).",
)
def __call__(self, x):
    self.check(x)
    if self.training or not self.track_running_stats:
        axes = tuple(range(x.ndim - 1))
        n = math.prod(x.shape[:-1])
        mean, variance = core.mean(x, axis=axes), core.var(x, axis=axes, ddof=1)
        if self.track_running_stats:
            self.remember(mean, variance * ((n - 1) / n), n)
    else:
        mean, variance = self.running_mean, self.running_var
    y = (x - mean) * core.rsqrt(variance + self.eps)
    return self.weight * y + self.bias if "weight" in self else y


@misconception(
    "5.15",
    "The batch's statistics are used in evaluation mode as well, so that a prediction depends on "
    "who else is in the batch.",
)
def __call__(self, x):
    self.check(x)
    axes = tuple(range(x.ndim - 1))
    mean, variance = core.mean(x, axis=axes), core.var(x, axis=axes)
    if self.training and self.track_running_stats:
        self.remember(mean, variance, math.prod(x.shape[:-1]))
    y = (x - mean) * core.rsqrt(variance + self.eps)
    return self.weight * y + self.bias if "weight" in self else y


@misconception(
    "5.15",
    "The mean is taken over the examples only. A channel's statistics are those of all examples "
    "and all positions: every axis but the last.",
)
def __call__(self, x):
    self.check(x)
    if self.training or not self.track_running_stats:
        mean, variance = core.mean(x, axis=0), core.var(x, axis=0)
        if self.track_running_stats:
            axes = tuple(range(x.ndim - 1))
            self.remember(core.mean(x, axis=axes), core.var(x, axis=axes), math.prod(x.shape[:-1]))
    else:
        mean, variance = self.running_mean, self.running_var
    y = (x - mean) * core.rsqrt(variance + self.eps)
    return self.weight * y + self.bias if "weight" in self else y


@misconception(
    "5.15",
    "The running statistics are updated in evaluation mode, too: the test data leak into the model.",
)
def __call__(self, x):
    self.check(x)
    axes = tuple(range(x.ndim - 1))
    batch = core.mean(x, axis=axes), core.var(x, axis=axes)
    if self.training or not self.track_running_stats:
        mean, variance = batch
    else:
        mean, variance = self.running_mean, self.running_var
    n = math.prod(x.shape[:-1])
    if self.track_running_stats and n > 1:
        self.remember(*batch, n)
    y = (x - mean) * core.rsqrt(variance + self.eps)
    return self.weight * y + self.bias if "weight" in self else y


@misconception(
    "5.15",
    "`n` is the number of examples. A channel has a value at each position of each: the product of "
    "all axes but the last.",
)
def __call__(self, x):
    self.check(x)
    if self.training or not self.track_running_stats:
        axes = tuple(range(x.ndim - 1))
        mean, variance = core.mean(x, axis=axes), core.var(x, axis=axes)
        if self.track_running_stats:
            self.remember(mean, variance, max(x.shape[0], 2))
    else:
        mean, variance = self.running_mean, self.running_var
    y = (x - mean) * core.rsqrt(variance + self.eps)
    return self.weight * y + self.bias if "weight" in self else y


@misconception(
    "5.15",
    "You divide by n - 1 and hand that on: the batch is normalized by another variance, and "
    "`remember` corrects the running one a second time.",
)
def __call__(self, x):
    self.check(x)
    if self.training or not self.track_running_stats:
        axes = tuple(range(x.ndim - 1))
        mean, variance = core.mean(x, axis=axes), core.var(x, axis=axes, ddof=1)
        if self.track_running_stats:
            self.remember(mean, variance, math.prod(x.shape[:-1]))
    else:
        mean, variance = self.running_mean, self.running_var
    y = (x - mean) * core.rsqrt(variance + self.eps)
    return self.weight * y + self.bias if "weight" in self else y


@misconception(
    "5.15",
    "Mean of the squares minus square of the mean: two large numbers that nearly cancel, and what "
    "is left is their rounding. Subtract the mean first (core.var does).",
)
def __call__(self, x):
    self.check(x)
    if self.training or not self.track_running_stats:
        axes = tuple(range(x.ndim - 1))
        mean = core.mean(x, axis=axes)
        variance = core.mean(core.square(x), axis=axes) - core.square(mean)
        if self.track_running_stats:
            self.remember(mean, variance, math.prod(x.shape[:-1]))
    else:
        mean, variance = self.running_mean, self.running_var
    y = (x - mean) * core.rsqrt(variance + self.eps)
    return self.weight * y + self.bias if "weight" in self else y


@misconception(
    "5.16",
    "You look at the parameters once, when the function is made. After the first update its "
    "gradients are those of weights that are no more: ask the model in every call.",
)
def value_and_grad(model, fn):
    parameters = model.trainable_parameters()

    def function_of_parameters(parameters, *args, **kwargs):
        with lent(model, parameters):
            return fn(*args, **kwargs)

    value_and_gradient = core.value_and_grad(function_of_parameters)

    @wraps(fn)
    def value_and_gradient_of_model(*args, **kwargs):
        return value_and_gradient(parameters, *args, **kwargs)

    return value_and_gradient_of_model


@misconception(
    "5.16",
    "You differentiate by all parameters, the frozen ones too: `trainable_parameters` leaves those "
    "out.",
)
def value_and_grad(model, fn):
    def function_of_parameters(parameters, *args, **kwargs):
        with lent(model, model.trainable_parameters()):
            model.update(parameters)
            try:
                return fn(*args, **kwargs)
            finally:
                model.update(own)

    value_and_gradient = core.value_and_grad(function_of_parameters)
    own = None

    @wraps(fn)
    def value_and_gradient_of_model(*args, **kwargs):
        nonlocal own
        own = model.parameters()
        if not tree_flatten(model.trainable_parameters()):
            raise ValueError("[value_and_grad] no parameter is trainable")
        return value_and_gradient(model.parameters(), *args, **kwargs)

    return value_and_gradient_of_model


@misconception(
    "5.16",
    "You differentiate by the first argument of the loss, which is the data. The parameters have to "
    "become the first argument of a function of your own.",
)
def value_and_grad(model, fn):
    return wraps(fn)(core.value_and_grad(fn))


@misconception(
    "5.16",
    "The parameters that are handed in are never put into the model: nothing in the loss depends on "
    "them, and every gradient is zero.",
)
def value_and_grad(model, fn):
    def function_of_parameters(parameters, *args, **kwargs):
        return fn(*args, **kwargs)

    value_and_gradient = core.value_and_grad(function_of_parameters)

    @wraps(fn)
    def value_and_gradient_of_model(*args, **kwargs):
        return value_and_gradient(model.trainable_parameters(), *args, **kwargs)

    return value_and_gradient_of_model


@misconception(
    "5.16",
    "The model keeps the arrays that the transform was watching. They have to go back, also if the "
    "loss raises: that is what `lent` is for.",
)
def value_and_grad(model, fn):
    def function_of_parameters(parameters, *args, **kwargs):
        model.update(parameters)
        return fn(*args, **kwargs)

    value_and_gradient = core.value_and_grad(function_of_parameters)

    @wraps(fn)
    def value_and_gradient_of_model(*args, **kwargs):
        return value_and_gradient(model.trainable_parameters(), *args, **kwargs)

    return value_and_gradient_of_model


@misconception(
    "5.17",
    "The step is counted before the schedule is asked, so the rate of step 0 is never used.",
)
def apply_gradients(self, gradients, parameters):
    if not self._initialized:
        self.init(gradients)
    self.state["step"] = self.step + 1
    for name, schedule in self._schedulers.items():
        self.state[name] = schedule(self.step)
    return tree_map(self.apply_single, gradients, parameters, self.state)


@misconception(
    "5.17",
    "The step is counted once for every parameter. A step is one update of the whole tree.",
)
def apply_gradients(self, gradients, parameters):
    if not self._initialized:
        self.init(gradients)
    for name, schedule in self._schedulers.items():
        self.state[name] = schedule(self.step)

    def single(gradient, parameter, state):
        self.state["step"] = self.step + 1
        return self.apply_single(gradient, parameter, state)

    return tree_map(single, gradients, parameters, self.state)


@misconception(
    "5.17",
    "The state is initialized in every step: momentum forgets, and a state that was loaded is "
    "thrown away. Only if it has not been.",
)
def apply_gradients(self, gradients, parameters):
    kept = {k: self.state[k] for k in ("step", "learning_rate") if k in self.state}
    self._state = kept
    self.init(gradients)
    for name, schedule in self._schedulers.items():
        self.state[name] = schedule(self.step)
    self.state["step"] = self.step + 1
    return tree_map(self.apply_single, gradients, parameters, self.state)


@misconception("5.17", "The step is never counted, and every schedule stands still.")
def apply_gradients(self, gradients, parameters):
    if not self._initialized:
        self.init(gradients)
    for name, schedule in self._schedulers.items():
        self.state[name] = schedule(self.step)
    return tree_map(self.apply_single, gradients, parameters, self.state)


@misconception(
    "5.17",
    "You walk over the parameters. A model holds more than the gradients do (what is frozen): the "
    "gradients say which parameters are updated.",
)
def apply_gradients(self, gradients, parameters):
    if not self._initialized:
        self.init(gradients)
    for name, schedule in self._schedulers.items():
        self.state[name] = schedule(self.step)
    self.state["step"] = self.step + 1
    return tree_map(lambda p, g, s: self.apply_single(g, p, s), parameters, gradients, self.state)


@misconception(
    "5.17",
    "Gradient and parameter are exchanged: `apply_single` wants the gradient first.",
)
def apply_gradients(self, gradients, parameters):
    if not self._initialized:
        self.init(gradients)
    for name, schedule in self._schedulers.items():
        self.state[name] = schedule(self.step)
    self.state["step"] = self.step + 1
    return tree_map(lambda g, p, s: self.apply_single(p, g, s), gradients, parameters, self.state)


@misconception(
    "5.17",
    "You initialize in every step. What is there stays, but each step walks over the whole tree "
    "twice: ask `self._initialized`.",
)
def apply_gradients(self, gradients, parameters):
    self.init(gradients)
    for name, schedule in self._schedulers.items():
        self.state[name] = schedule(self.step)
    self.state["step"] = self.step + 1
    return tree_map(self.apply_single, gradients, parameters, self.state)


@misconception(
    "5.17",
    "You look at the learning rate only. Whatever is in `self._schedulers` follows a schedule.",
)
def apply_gradients(self, gradients, parameters):
    if not self._initialized:
        self.init(gradients)
    if "learning_rate" in self._schedulers:
        self.state["learning_rate"] = self._schedulers["learning_rate"](self.step)
    self.state["step"] = self.step + 1
    return tree_map(self.apply_single, gradients, parameters, self.state)


@misconception(
    "5.18",
    "You hand out full batches only, and the examples after the last full one are never seen. The "
    "last batch has what is left, unless `drop_last`.",
)
def __iter__(self):
    order = self.order()
    for _ in range((self.size - self.position) // self.batch_size):
        chosen = order[self.position : self.position + self.batch_size]
        self.position += self.batch_size
        yield tuple(x[chosen] for x in self.arrays)
    self.epoch += 1
    self.position = 0


@misconception(
    "5.18",
    "`drop_last` is not looked at: the last batch may be smaller than the others, and a compiled "
    "step is then compiled again.",
)
def __iter__(self):
    order = self.order()
    while self.position < self.size:
        chosen = order[self.position : self.position + self.batch_size]
        self.position += chosen.shape[0]
        yield tuple(x[chosen] for x in self.arrays)
    self.epoch += 1
    self.position = 0


@misconception(
    "5.18",
    "The position moves after the `yield`, when the loop comes back for the next batch. A state "
    "that is saved while a batch is worked on then repeats that batch.",
)
def __iter__(self):
    order = self.order()
    end = min(len(self) * self.batch_size, self.size)
    while self.position < end:
        chosen = order[self.position : self.position + self.batch_size]
        yield tuple(x[chosen] for x in self.arrays)
        self.position += chosen.shape[0]
    self.epoch += 1
    self.position = 0


@misconception(
    "5.18",
    "The epoch is never counted, and its order follows from its number: every epoch is the same.",
)
def __iter__(self):
    order = self.order()
    end = min(len(self) * self.batch_size, self.size)
    while self.position < end:
        chosen = order[self.position : self.position + self.batch_size]
        self.position += chosen.shape[0]
        yield tuple(x[chosen] for x in self.arrays)
    self.position = 0


@misconception(
    "5.18",
    "Every array is shuffled for itself, and the labels are no longer those of their examples.",
)
def __iter__(self):
    end = min(len(self) * self.batch_size, self.size)
    key = core.random.key(self.seed + self.epoch)
    orders = [
        core.random.permutation(self.size, key=k) if self.shuffle else core.arange(self.size)
        for k in core.random.split(key, len(self.arrays))
    ]
    while self.position < end:
        start = self.position
        self.position = min(start + self.batch_size, self.size)
        yield tuple(x[o[start : self.position]] for x, o in zip(self.arrays, orders))
    self.epoch += 1
    self.position = 0


@misconception(
    "5.18",
    "An epoch always begins with its first batch. After an interruption it goes on where "
    "`self.position` stands.",
)
def __iter__(self):
    order = self.order()
    end = min(len(self) * self.batch_size, self.size)
    for start in range(0, end, self.batch_size):
        chosen = order[start : start + self.batch_size]
        self.position = start + chosen.shape[0]
        yield tuple(x[chosen] for x in self.arrays)
    self.epoch += 1
    self.position = 0


@misconception(
    "5.18",
    "You end the epoch in a `finally`. A loop that is left by `break`, or by an error, has not seen "
    "the rest of it.",
)
def __iter__(self):
    order = self.order()
    end = min(len(self) * self.batch_size, self.size)
    try:
        while self.position < end:
            chosen = order[self.position : self.position + self.batch_size]
            self.position += chosen.shape[0]
            yield tuple(x[chosen] for x in self.arrays)
    finally:
        self.epoch += 1
        self.position = 0


@misconception(
    "5.18",
    "You bring all examples into the new order at once: that is a copy of the whole data set. A "
    "batch needs its own examples only.",
)
def __iter__(self):
    order = self.order()
    arrays = [x[order] for x in self.arrays]
    end = min(len(self) * self.batch_size, self.size)
    while self.position < end:
        start = self.position
        self.position = min(start + self.batch_size, self.size)
        yield tuple(x[start : self.position] for x in arrays)
    self.epoch += 1
    self.position = 0


@misconception(
    "5.18",
    "You ask for the order again for every batch. It is a permutation of all examples: once an epoch "
    "is enough.",
)
def __iter__(self):
    end = min(len(self) * self.batch_size, self.size)
    while self.position < end:
        chosen = self.order()[self.position : self.position + self.batch_size]
        self.position += chosen.shape[0]
        yield tuple(x[chosen] for x in self.arrays)
    self.epoch += 1
    self.position = 0


@misconception(
    "5.19",
    "You take the mean of the batches' means. The last batch may be smaller, and its examples then "
    "count more than the others: weight each batch with its number of examples.",
)
def train(self, batches, report=None):
    self.model.train()
    losses = []
    for batch in batches:
        losses.append(self.step(*batch))
        self.total += losses[-1] * batch[0].shape[0]
        self.seen += batch[0].shape[0]
        if report is not None:
            report(self.seen, sum(losses) / len(losses))
    self.total, self.seen = 0.0, 0
    return sum(losses) / len(losses)


@misconception(
    "5.19",
    "The model stays in the mode that it was in. After an evaluation it would be trained without "
    "dropout, and with the running statistics of its normalizations.",
)
def train(self, batches, report=None):
    for batch in batches:
        loss = self.step(*batch)
        self.total += loss * batch[0].shape[0]
        self.seen += batch[0].shape[0]
        if report is not None:
            report(self.seen, self.total / self.seen)
    mean = self.total / self.seen
    self.total, self.seen = 0.0, 0
    return mean


@misconception(
    "5.19",
    "The sums are never set back to 0: the second epoch's mean contains the first epoch.",
)
def train(self, batches, report=None):
    self.model.train()
    for batch in batches:
        loss = self.step(*batch)
        self.total += loss * batch[0].shape[0]
        self.seen += batch[0].shape[0]
        if report is not None:
            report(self.seen, self.total / self.seen)
    return self.total / self.seen


@misconception(
    "5.19",
    "The sums begin at 0 in every call. If the epoch was interrupted, what was done before counts: "
    "`self.total` and `self.seen` remember it.",
)
def train(self, batches, report=None):
    self.model.train()
    self.total, self.seen = 0.0, 0
    for batch in batches:
        loss = self.step(*batch)
        self.total += loss * batch[0].shape[0]
        self.seen += batch[0].shape[0]
        if report is not None:
            report(self.seen, self.total / self.seen)
    mean = self.total / self.seen
    self.total, self.seen = 0.0, 0
    return mean


@misconception(
    "5.19",
    "The model is evaluated in training mode: dropout is on, and the numbers differ from call to "
    "call. `self.validating()` is the context for it.",
)
def evaluate(self, batches):
    functions = {"loss": self.loss, **self.metrics}
    totals, seen = dict.fromkeys(functions, 0.0), 0
    batches.position = 0
    for batch in batches:
        examples = batch[0].shape[0]
        for name, fn in functions.items():
            totals[name] += fn(self.model, *batch).item() * examples
        seen += examples
    return {name: total / seen for name, total in totals.items()}


@misconception(
    "5.19",
    "You begin where the batches happen to stand, and judge a part of the data: set the position "
    "to 0.",
)
def evaluate(self, batches):
    functions = {"loss": self.loss, **self.metrics}
    totals, seen = dict.fromkeys(functions, 0.0), 0
    with self.validating():
        for batch in batches:
            examples = batch[0].shape[0]
            for name, fn in functions.items():
                totals[name] += fn(self.model, *batch).item() * examples
            seen += examples
    return {name: total / seen for name, total in totals.items()}


@misconception(
    "5.19",
    "You take the mean of the batches' means: the examples of a smaller last batch count more.",
)
def evaluate(self, batches):
    functions = {"loss": self.loss, **self.metrics}
    found = {name: [] for name in functions}
    batches.position = 0
    with self.validating():
        for batch in batches:
            for name, fn in functions.items():
                found[name].append(fn(self.model, *batch).item())
    return {name: sum(values) / len(values) for name, values in found.items()}


@misconception(
    "5.19",
    "You divide by the number of all examples. With `drop_last` some are never handed out: divide "
    "by those that you have seen.",
)
def evaluate(self, batches):
    functions = {"loss": self.loss, **self.metrics}
    totals = dict.fromkeys(functions, 0.0)
    batches.position = 0
    with self.validating():
        for batch in batches:
            for name, fn in functions.items():
                totals[name] += fn(self.model, *batch).item() * batch[0].shape[0]
    return {name: total / batches.size for name, total in totals.items()}


@misconception(
    "5.19",
    "You set the modes by hand. A model that was in evaluation mode comes back in training mode, and "
    "an average of weights is not used: `self.validating()` does both.",
)
def evaluate(self, batches):
    functions = {"loss": self.loss, **self.metrics}
    totals, seen = dict.fromkeys(functions, 0.0), 0
    batches.position = 0
    self.model.eval()
    for batch in batches:
        examples = batch[0].shape[0]
        for name, fn in functions.items():
            totals[name] += fn(self.model, *batch).item() * examples
        seen += examples
    self.model.train()
    return {name: total / seen for name, total in totals.items()}
