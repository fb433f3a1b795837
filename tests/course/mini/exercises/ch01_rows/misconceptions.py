@misconception("1.1", "You normalise over the first axis; each row is one example.")
def softmax(x, axis=-1):
    e = mx.exp(x - mx.max(x, axis=0, keepdims=True))
    return e / mx.sum(e, axis=0, keepdims=True)


@misconception("1.1", "exp of a large number is infinite; subtract the maximum first.")
def softmax(x, axis=-1):
    e = mx.exp(x)
    return e / mx.sum(e, axis=axis, keepdims=True)


@misconception("1.2", "You forgot the softmax.")
def pick(x, index):
    return x[index]


@misconception("1.3", "You count columns; rows are the first axis.")
def add(self, x):
    self.count += x.shape[1]
    self.sum = self.sum + mx.sum(x)


@misconception("1.3", "The total is the sum, not the mean.")
def total(self):
    return self.sum / self.count
