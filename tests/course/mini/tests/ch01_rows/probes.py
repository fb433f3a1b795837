from tinymlx import rows


def softmax(x, axis):
    return {"y": rows.softmax(x, axis)}


def pick(x, index):
    return {"y": rows.pick(x, index)}


def count(parts):
    counter = rows.Counter()
    for part in parts:
        counter.add(part)
    return {"count": counter.count, "total": counter.total}


def rows_of(parts):
    counter = rows.Counter()
    for part in parts:
        counter.add(part)
    return {"count": counter.count}
