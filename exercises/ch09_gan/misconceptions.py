"""What people really write in chapter 9. Parsed, never imported: see CONTRIBUTING.md."""


@misconception(
    "9.1",
    "You return the probability p / (p + q). Asked for is its logit, log p - log q; and where both "
    "densities are below the smallest float32 the quotient is 0 / 0.",
    symbol="optimal_logits",
)
def optimal_logits(log_p, log_q):
    p, q = core.exp(log_p), core.exp(log_q)
    return p / (p + q)


@misconception(
    "9.1",
    "You go from the logarithms back to the densities. Far from the data both are 0 in float32, and "
    "the logarithm of 0 / 0 is not a number: subtract.",
    symbol="optimal_logits",
)
def optimal_logits(log_p, log_q):
    return core.log(core.exp(log_p) / core.exp(log_q))


@misconception(
    "9.1",
    "Your logits are those of the generator's density. The discriminator holds an example for real "
    "where p is larger: log p comes first.",
    symbol="optimal_logits",
)
def optimal_logits(log_p, log_q):
    return log_q - log_p


@misconception(
    "9.1",
    "You take the divergences of p and q from each other instead of from the middle of both. "
    "Where one of them is 0 and the other is not, that is infinite.",
    symbol="jensen_shannon",
)
def jensen_shannon(p, q):
    return (core.sum(p * core.log(p / q)) + core.sum(q * core.log(q / p))) / 2


@misconception(
    "9.1",
    "You compute 0 log 0, which is not a number, where one of the two has no mass. Such a place "
    "adds nothing: choose a harmless ratio there before the logarithm.",
    symbol="jensen_shannon",
)
def jensen_shannon(p, q):
    middle = (p + q) / 2
    return (core.sum(p * core.log(p / middle)) + core.sum(q * core.log(q / middle))) / 2


@misconception(
    "9.1",
    "For you the best loss is 0 when the two are the same. It is log 4 then: nobody can tell them "
    "apart. A loss of 0 means that the discriminator tells all of them apart, and that the "
    "generator has lost; it does not mean that training has converged.",
    symbol="least_loss",
)
def least_loss(p, q):
    return 2 * jensen_shannon(p, q)


@misconception(
    "9.2",
    "You apply the sigmoid twice: binary_cross_entropy wants logits and computes a sigmoid itself. "
    "Probabilities lie between 0 and 1, so for it everything is nearly undecided.",
    symbol="discriminator_loss",
)
def discriminator_loss(real, fake):
    real, fake = core.sigmoid(real), core.sigmoid(fake)
    return core.mean(softplus(-real)) + core.mean(softplus(fake))


@misconception(
    "9.2",
    "You take the logarithm of a sigmoid. For a logit of -200 the sigmoid is 0 in float32, its "
    "logarithm infinite and its slope not a number. Both together are a softplus.",
    symbol="discriminator_loss",
)
def discriminator_loss(real, fake):
    real, fake = core.sigmoid(real), core.sigmoid(fake)
    return -core.mean(core.log(real)) - core.mean(core.log(1 - fake))


@misconception(
    "9.2",
    "You take the mean of all logits together. Then a batch of another size counts otherwise, and a "
    "discriminator that knows nothing has log 2: the loss is the sum of two means.",
    symbol="discriminator_loss",
)
def discriminator_loss(real, fake):
    return core.mean(core.concatenate([softplus(-real), softplus(fake)]))


@misconception(
    "9.2",
    "This is the minimax loss. When the discriminator is sure, it is flat, and the generator learns "
    "nothing just when it has most to learn. Raise log sigmoid(fake) instead.",
    symbol="nonsaturating_loss",
)
def nonsaturating_loss(fake):
    return -core.mean(softplus(fake))


@misconception(
    "9.2",
    "The sign is wrong: with this the generator tries to be found out.",
    symbol="nonsaturating_loss",
)
def nonsaturating_loss(fake):
    return core.mean(softplus(fake))


@misconception(
    "9.2",
    "You minimize -log(1 - sigmoid(fake)), which is what the discriminator wants. The generator "
    "minimizes log(1 - sigmoid(fake)).",
    symbol="minimax_loss",
)
def minimax_loss(fake):
    return core.mean(softplus(fake))


@misconception(
    "9.2",
    "You take the mean of the two means. The loss is their sum: a discriminator that knows nothing "
    "has log 4, and with a half it learns half as fast.",
    symbol="discriminator_loss",
)
def discriminator_loss(real, fake):
    return (core.mean(softplus(-real)) + core.mean(softplus(fake))) / 2


@misconception(
    "9.2",
    "You add a little to a sigmoid before you take its logarithm. Nothing is infinite then, but a "
    "logit of -200 costs 18 instead of 200 and has no slope: use a softplus.",
    symbol="discriminator_loss",
)
def discriminator_loss(real, fake):
    real, fake = core.sigmoid(real), core.sigmoid(fake)
    return -core.mean(core.log(real + 1e-8)) - core.mean(core.log(1 - fake + 1e-8))


@misconception(
    "9.3",
    "You square the distance of a sigmoid. The outputs are used as they are: behind a sigmoid the "
    "slope vanishes again, which this loss was made to avoid.",
    symbol="least_squares_discriminator_loss",
)
def least_squares_discriminator_loss(real, fake):
    real, fake = core.sigmoid(real), core.sigmoid(fake)
    return (core.mean(core.square(real - 1)) + core.mean(core.square(fake))) / 2


@misconception(
    "9.3",
    "You pull what is made towards 0 also for the generator. It wants to be labelled 1.",
    symbol="least_squares_generator_loss",
)
def least_squares_generator_loss(fake):
    return core.mean(core.square(fake)) / 2


@misconception(
    "9.3",
    "You took the half away. It belongs to the definition, and without it the slopes are twice as "
    "large.",
    symbol="least_squares_discriminator_loss",
)
def least_squares_discriminator_loss(real, fake):
    return core.mean(core.square(real - 1)) + core.mean(core.square(fake))


@misconception(
    "9.3",
    "Your margin has no end: without relu the discriminator goes on to push examples apart that it "
    "tells apart already.",
    symbol="hinge_discriminator_loss",
)
def hinge_discriminator_loss(real, fake):
    return core.mean(1 - real) + core.mean(1 + fake)


@misconception(
    "9.3",
    "You cut the generator's loss off at the margin. It has none: an example beyond it would get no "
    "slope, though it can still become better.",
    symbol="hinge_generator_loss",
)
def hinge_generator_loss(fake):
    return core.mean(relu(1 - fake))


@misconception(
    "9.4",
    "The sign is wrong. The critic minimizes, and it wants real examples above made ones.",
    symbol="critic_loss",
)
def critic_loss(real, fake):
    return core.mean(real) - core.mean(fake)


@misconception(
    "9.4",
    "A critic says no probabilities: there is no sigmoid and no logarithm in its loss.",
    symbol="critic_loss",
)
def critic_loss(real, fake):
    return core.mean(core.sigmoid(fake)) - core.mean(core.sigmoid(real))


@misconception(
    "9.4",
    "You compare the numbers in the order in which they came. On a line the cheapest plan carries "
    "the smallest to the smallest: sort both samples.",
    symbol="wasserstein_distance",
)
def wasserstein_distance(a, b):
    if a.ndim != 1 or b.ndim != 1 or a.size == 0 or b.size == 0:
        raise ValueError("[wasserstein_distance] The samples should be numbers in a row.")
    n = min(a.size, b.size)
    return core.mean(core.abs(a[:n] - b[:n]))


@misconception(
    "9.4",
    "You pair the sorted numbers of both samples, and leave out what one has more. With samples of "
    "different sizes a grain of one is worth less than one of the other: compare the shares below "
    "each place.",
    symbol="wasserstein_distance",
)
def wasserstein_distance(a, b):
    if a.ndim != 1 or b.ndim != 1 or a.size == 0 or b.size == 0:
        raise ValueError("[wasserstein_distance] The samples should be numbers in a row.")
    n = min(a.size, b.size)
    return core.mean(core.abs(core.sort(a)[:n] - core.sort(b)[:n]))


@misconception(
    "9.4",
    "You compare the means. Two heaps with the same mean need not be the same.",
    symbol="wasserstein_distance",
)
def wasserstein_distance(a, b):
    if a.ndim != 1 or b.ndim != 1 or a.size == 0 or b.size == 0:
        raise ValueError("[wasserstein_distance] The samples should be numbers in a row.")
    return core.abs(core.mean(a) - core.mean(b))


@misconception(
    "9.4",
    "You compare each place with every number of a sample: a table of N (N + M) entries, 10 GB for "
    "two samples of seventy thousand. In a sorted sample core.searchsorted counts what lies below.",
    symbol="wasserstein_distance",
)
def wasserstein_distance(a, b):
    if a.ndim != 1 or b.ndim != 1 or a.size == 0 or b.size == 0:
        raise ValueError("[wasserstein_distance] The samples should be numbers in a row.")
    places = core.sort(core.concatenate([a, b]))
    below_a = core.sum(a[None] <= places[:-1, None], axis=1) / a.size
    below_b = core.sum(b[None] <= places[:-1, None], axis=1) / b.size
    return core.sum(core.abs(below_a - below_b) * (places[1:] - places[:-1]))


@misconception(
    "9.5",
    "Nothing is cut between the two: the discriminator's loss is differentiated by both networks, "
    "and the generator makes a step, too. It learns to be found out.",
    symbol="Duel.discriminator_step",
)
def discriminator_step(self, real, z, *labels):
    fakes = self.generator(z, *labels)

    def loss(real, fake):
        def critic(x):
            return self.discriminator(x, *labels)

        value = self.discriminator_loss(critic(real), critic(fake))
        if self.penalty is not None:
            value = value + self.penalty(critic, real, fake)
        return value

    def through_both(z):
        return loss(self.augment(real), self.augment(self.generator(z, *labels)))

    running = self.generator.parameters()
    _, slopes = nn.value_and_grad(self.generator, through_both)(z)
    self.generator.update(running)
    gradient = nn.value_and_grad(self.discriminator, loss)
    value, gradients = gradient(self.augment(real), self.augment(fakes))
    self.discriminator_optimizer.update(self.discriminator, gradients)
    self.generator_optimizer.update(self.generator, slopes)
    return value


@misconception(
    "9.5",
    "You show real and made examples in one batch. A batch normalization then mixes their "
    "statistics, and in the generator's step, where only made ones come, it computes something else.",
    symbol="Duel.discriminator_step",
)
def discriminator_step(self, real, z, *labels):
    fake = core.stop_gradient(self.generator(z, *labels))

    def loss(real, fake):
        def critic(x):
            return self.discriminator(x, *labels)

        twice = [core.concatenate([label, label]) for label in labels]
        both = self.discriminator(core.concatenate([real, fake]), *twice)
        value = self.discriminator_loss(both[: len(real)], both[len(real) :])
        if self.penalty is not None:
            value = value + self.penalty(critic, real, fake)
        return value

    gradient = nn.value_and_grad(self.discriminator, loss)
    value, gradients = gradient(self.augment(real), self.augment(fake))
    self.discriminator_optimizer.update(self.discriminator, gradients)
    return value


@misconception(
    "9.5",
    "You augment real examples only. What the views do to their edges then tells the two apart, and "
    "the generator learns to draw views: both sides need them.",
    symbol="Duel.discriminator_step",
)
def discriminator_step(self, real, z, *labels):
    fake = core.stop_gradient(self.generator(z, *labels))

    def loss(real, fake):
        def critic(x):
            return self.discriminator(x, *labels)

        value = self.discriminator_loss(critic(real), critic(fake))
        if self.penalty is not None:
            value = value + self.penalty(critic, real, fake)
        return value

    gradient = nn.value_and_grad(self.discriminator, loss)
    value, gradients = gradient(self.augment(real), fake)
    self.discriminator_optimizer.update(self.discriminator, gradients)
    return value


@misconception(
    "9.5",
    "You forget the penalty.",
    symbol="Duel.discriminator_step",
)
def discriminator_step(self, real, z, *labels):
    fake = core.stop_gradient(self.generator(z, *labels))

    def loss(real, fake):
        return self.discriminator_loss(
            self.discriminator(real, *labels), self.discriminator(fake, *labels)
        )

    gradient = nn.value_and_grad(self.discriminator, loss)
    value, gradients = gradient(self.augment(real), self.augment(fake))
    self.discriminator_optimizer.update(self.discriminator, gradients)
    return value


@misconception(
    "9.5",
    "You stop the gradient between the two networks in the generator's step. The slope through the "
    "discriminator is all that it can learn from: without it nothing moves.",
    symbol="Duel.generator_step",
)
def generator_step(self, z, *labels):
    def loss(z):
        fake = core.stop_gradient(self.augment(self.generator(z, *labels)))
        return self.generator_loss(self.discriminator(fake, *labels))

    value, gradients = nn.value_and_grad(self.generator, loss)(z)
    self.generator_optimizer.update(self.generator, gradients)
    return value


@misconception(
    "9.5",
    "You show the generator's pictures to the discriminator as they are. It has learned on views, "
    "and the slope has to come back through them.",
    symbol="Duel.generator_step",
)
def generator_step(self, z, *labels):
    def loss(z):
        return self.generator_loss(self.discriminator(self.generator(z, *labels), *labels))

    value, gradients = nn.value_and_grad(self.generator, loss)(z)
    self.generator_optimizer.update(self.generator, gradients)
    return value


@misconception(
    "9.5",
    "In the generator's step the discriminator moves along, towards what the generator wants: it "
    "learns to be deceived. Only the generator's optimizer makes a step.",
    symbol="Duel.generator_step",
)
def generator_step(self, z, *labels):
    def loss(z):
        fake = self.augment(self.generator(z, *labels))
        return self.generator_loss(self.discriminator(fake, *labels))

    before = [self.generator.parameters(), self.discriminator.parameters()]
    _, slopes = nn.value_and_grad(self.discriminator, loss)(z)
    self.generator.update(before[0])
    self.discriminator.update(before[1])
    value, gradients = nn.value_and_grad(self.generator, loss)(z)
    self.generator_optimizer.update(self.generator, gradients)
    self.discriminator_optimizer.update(self.discriminator, slopes)
    return value


@misconception(
    "9.5",
    "You augment made examples only. Real ones without views are told apart by what the views do: "
    "both sides need them.",
    symbol="Duel.discriminator_step",
)
def discriminator_step(self, real, z, *labels):
    fake = core.stop_gradient(self.generator(z, *labels))

    def loss(real, fake):
        def critic(x):
            return self.discriminator(x, *labels)

        value = self.discriminator_loss(critic(real), critic(fake))
        if self.penalty is not None:
            value = value + self.penalty(critic, real, fake)
        return value

    gradient = nn.value_and_grad(self.discriminator, loss)
    value, gradients = gradient(real, self.augment(fake))
    self.discriminator_optimizer.update(self.discriminator, gradients)
    return value


@misconception(
    "9.5",
    "You stop the gradient of the penalty. The loss shows it, and the discriminator does not obey "
    "it: the cut belongs to what the generator made, and nowhere else.",
    symbol="Duel.discriminator_step",
)
def discriminator_step(self, real, z, *labels):
    fake = core.stop_gradient(self.generator(z, *labels))

    def loss(real, fake):
        def critic(x):
            return self.discriminator(x, *labels)

        value = self.discriminator_loss(critic(real), critic(fake))
        if self.penalty is not None:
            value = value + core.stop_gradient(self.penalty(critic, real, fake))
        return value

    gradient = nn.value_and_grad(self.discriminator, loss)
    value, gradients = gradient(self.augment(real), self.augment(fake))
    self.discriminator_optimizer.update(self.discriminator, gradients)
    return value


@misconception(
    "9.6",
    "You leave the pictures between 0 and 1. The generator's tanh ends at -1 and 1: a single pixel "
    "of paper then tells the discriminator which ones are real.",
    symbol="scaled",
)
def scaled(pixels):
    return pixels


@misconception(
    "9.6",
    "You scale as if pixels reached to 255. They reach from 0 to 1 here, so all real pictures "
    "become nearly the same grey.",
    symbol="scaled",
)
def scaled(pixels):
    return pixels / 127.5 - 1


@misconception(
    "9.6",
    "You add a bias in front of the normalization, which takes the mean, and so the bias, away.",
    symbol="GeneratorBlock.__init__",
)
def __init__(self, in_channels, out_channels):
    super().__init__()
    self.conv = nn.ConvTranspose2d(in_channels, out_channels, 4, 2, padding=1)
    self.norm = nn.BatchNorm(out_channels)


@misconception(
    "9.6",
    "The relu comes before your normalization. Normalized last, half of the numbers are negative, "
    "and the next layer sees no rectified map.",
    symbol="GeneratorBlock.__call__",
)
def __call__(self, x):
    return self.norm(nn.relu(self.conv(x)))


@misconception(
    "9.6",
    "You use the leaky relu of the discriminator. In the generator it is relu.",
    symbol="GeneratorBlock.__call__",
)
def __call__(self, x):
    return nn.leaky_relu(self.norm(self.conv(x)), 0.2)


@misconception(
    "9.7",
    "You go on halving where the side is odd, rounding down. 44 becomes 22, 11 and 5, and from 5 "
    "the generator comes back to 10, 20, 40: never to 44.",
    symbol="sides",
)
def sides(side):
    if side % 2 or side < 8:
        raise ValueError("[dcgan] A picture's side should be even, from 8 up.")
    found = [side]
    while found[0] >= 8:
        found = [found[0] // 2, *found]
    return found


@misconception(
    "9.7",
    "Your list begins with the picture. The generator goes from the smallest map up.",
    symbol="sides",
)
def sides(side):
    found = [side]
    while found[-1] % 2 == 0 and found[-1] >= 8:
        found.append(found[-1] // 2)
    if len(found) < 2:
        raise ValueError("[dcgan] A picture's side should be even, from 8 up.")
    return found


@misconception(
    "9.7",
    "You use a batch normalization where each example should be normalized by itself. It couples "
    "the examples: what the critic says of one depends on all others, and a penalty on the slope by "
    "one example means nothing.",
    symbol="DiscriminatorBlock.__init__",
)
def __init__(self, in_channels, out_channels, normalize=None, wrap=lambda layer: layer):
    super().__init__()
    if normalize not in ("batch", "layer", None):
        raise ValueError("[DiscriminatorBlock] normalize should be batch, layer or None.")
    bias = normalize is None
    self.conv = wrap(nn.Conv2d(in_channels, out_channels, 4, 2, padding=1, bias=bias))
    if normalize is not None:
        self.norm = nn.BatchNorm(out_channels)


@misconception(
    "9.7",
    "nn.LayerNorm normalizes each pixel over its channels. What is asked for is one mean and one "
    "variance for the whole example: nn.GroupNorm with one group.",
    symbol="DiscriminatorBlock.__init__",
)
def __init__(self, in_channels, out_channels, normalize=None, wrap=lambda layer: layer):
    super().__init__()
    if normalize not in ("batch", "layer", None):
        raise ValueError("[DiscriminatorBlock] normalize should be batch, layer or None.")
    bias = normalize is None
    self.conv = wrap(nn.Conv2d(in_channels, out_channels, 4, 2, padding=1, bias=bias))
    if normalize == "batch":
        self.norm = nn.BatchNorm(out_channels)
    elif normalize == "layer":
        self.norm = nn.LayerNorm(out_channels)


@misconception(
    "9.7",
    "You use relu. A negative number then has no slope, and the generator learns through the "
    "discriminator's slopes: leaky relu with 0.2.",
    symbol="DiscriminatorBlock.__call__",
)
def __call__(self, x):
    y = self.conv(x)
    return nn.relu(self.norm(y) if "norm" in self else y)


@misconception(
    "9.7",
    "The leaky relu comes before your normalization. Normalized last, the bend of the relu is "
    "somewhere else for every channel: convolution, normalization, leaky relu.",
    symbol="DiscriminatorBlock.__call__",
)
def __call__(self, x):
    y = nn.leaky_relu(self.conv(x), 0.2)
    return self.norm(y) if "norm" in self else y


@misconception(
    "9.7",
    "Your leaky relu has the slope 0.01, the default. Here it is 0.2.",
    symbol="DiscriminatorBlock.__call__",
)
def __call__(self, x):
    y = self.conv(x)
    return nn.leaky_relu(self.norm(y) if "norm" in self else y)


@misconception(
    "9.8",
    "You draw the gains of normalizations around 0, like the weights. Then every map begins near 0, "
    "and its sign is a matter of chance: they belong around 1.",
)
def dcgan_start(model):
    def start(_, layer):
        kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm)
        if not isinstance(layer, kinds) or "weight" not in layer:
            return
        layer.weight = 0.02 * core.random.normal(layer.weight.shape)
        if "bias" in layer:
            layer.bias = core.zeros(layer.bias.shape)

    model.apply_to_modules(start)
    return model


@misconception(
    "9.8",
    "0.02 is the deviation, not the variance: you multiply by its root.",
)
def dcgan_start(model):
    def start(_, layer):
        kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm)
        if not isinstance(layer, kinds) or "weight" not in layer:
            return
        mean = 1.0 if isinstance(layer, nn.BatchNorm) else 0.0
        layer.weight = mean + 0.02**0.5 * core.random.normal(layer.weight.shape)
        if "bias" in layer:
            layer.bias = core.zeros(layer.bias.shape)

    model.apply_to_modules(start)
    return model


@misconception(
    "9.8",
    "You leave the biases as they were. They begin at 0.",
)
def dcgan_start(model):
    def start(_, layer):
        kinds = (nn.Linear, nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm)
        if not isinstance(layer, kinds) or "weight" not in layer:
            return
        mean = 1.0 if isinstance(layer, nn.BatchNorm) else 0.0
        layer.weight = mean + 0.02 * core.random.normal(layer.weight.shape)

    model.apply_to_modules(start)
    return model


@misconception(
    "9.9",
    "You draw one epsilon for the whole batch. All points then lie at the same share of their "
    "lines: each example needs its own.",
    symbol="between",
)
def between(real, fake, key=None):
    share = core.random.uniform(shape=(), key=key).astype(real.dtype)
    return share * real + (1 - share) * fake


@misconception(
    "9.9",
    "You draw an epsilon for every number. A point then lies anywhere in a box, and not on the line "
    "between the two pictures.",
    symbol="between",
)
def between(real, fake, key=None):
    share = core.random.uniform(shape=real.shape, key=key).astype(real.dtype)
    return share * real + (1 - share) * fake


@misconception(
    "9.9",
    "You take the norm over the channels only: a penalty for each pixel. With one channel it asks "
    "every single pixel for a slope of 1. An example's slope is one vector, of all its numbers.",
    symbol="gradient_penalty",
)
def gradient_penalty(critic, x):
    slope = core.grad(lambda x: core.sum(critic(x)))(x)
    squares = core.sum(core.square(slope), axis=-1)
    steep = squares > 0
    lengths = core.where(steep, core.sqrt(core.where(steep, squares, 1.0)), 0.0)
    return core.mean(core.square(lengths - 1))


@misconception(
    "9.9",
    "You take one norm over the whole batch. Each example has its own.",
    symbol="squared_slopes",
)
def squared_slopes(critic, x):
    slope = core.grad(lambda x: core.sum(critic(x)))(x)
    return core.sum(core.square(slope))


@misconception(
    "9.9",
    "You differentiate the mean of the outputs. Every slope is then too small by the size of the "
    "batch: take their sum.",
    symbol="squared_slopes",
)
def squared_slopes(critic, x):
    slope = core.grad(lambda x: core.mean(critic(x)))(x)
    return core.sum(core.square(slope), axis=tuple(range(1, x.ndim)))


@misconception(
    "9.9",
    "The penalty's value is right, but it has no slope: you stopped the gradient of the gradient. "
    "The loss shows the penalty, and nothing obeys it.",
    symbol="squared_slopes",
)
def squared_slopes(critic, x):
    slope = core.stop_gradient(core.grad(lambda x: core.sum(critic(x)))(x))
    return core.sum(core.square(slope), axis=tuple(range(1, x.ndim)))


@misconception(
    "9.9",
    "The root of an exact 0 has an infinite slope, and 0 times infinity is not a number: one "
    "example where the critic is flat spoils all weights. Put a harmless number under the root.",
    symbol="gradient_penalty",
)
def gradient_penalty(critic, x):
    return core.mean(core.square(core.sqrt(squared_slopes(critic, x)) - 1))


@misconception(
    "9.9",
    "You ask for a slope of 0. The critic of a Wasserstein distance has the slope 1 between the two "
    "sides.",
    symbol="gradient_penalty",
)
def gradient_penalty(critic, x):
    return core.mean(squared_slopes(critic, x))


@misconception(
    "9.9",
    "You sum the squares over the last axis only. An example of several axes then has many slopes: "
    "it is one vector, of all its numbers, so sum over all axes but the first.",
    symbol="squared_slopes",
)
def squared_slopes(critic, x):
    slope = core.grad(lambda x: core.sum(critic(x)))(x)
    return core.sum(core.square(slope), axis=-1)


@misconception(
    "9.10",
    "You take the length where its square is asked for: its slope does not fall to 0 with the "
    "length.",
    symbol="zero_centred_penalty",
)
def zero_centred_penalty(critic, x):
    squares = squared_slopes(critic, x)
    steep = squares > 0
    return core.mean(core.where(steep, core.sqrt(core.where(steep, squares, 1.0)), 0.0)) / 2


@misconception(
    "9.10",
    "You sum over the batch. The weight of a penalty should not depend on how many examples there "
    "are.",
    symbol="zero_centred_penalty",
)
def zero_centred_penalty(critic, x):
    return core.sum(squared_slopes(critic, x)) / 2


@misconception(
    "9.10",
    "You left the half out.",
    symbol="zero_centred_penalty",
)
def zero_centred_penalty(critic, x):
    return core.mean(squared_slopes(critic, x))


@misconception(
    "9.10",
    "You judge each side by itself. Only the difference of a pair counts here.",
    symbol="paired_discriminator_loss",
)
def paired_discriminator_loss(real, fake):
    real = paired_with(real, fake)
    return core.mean(softplus(-real)) + core.mean(softplus(fake))


@misconception(
    "9.10",
    "You compare with the mean of the other side. Each has a partner of its own.",
    symbol="paired_discriminator_loss",
)
def paired_discriminator_loss(real, fake):
    return core.mean(softplus(core.mean(fake) - paired_with(real, fake)))


@misconception(
    "9.10",
    "You negate the loss of the discriminator. That is the minimax loss of pairs, which is flat "
    "where the generator is behind: exchange the two instead.",
    symbol="paired_generator_loss",
)
def paired_generator_loss(real, fake):
    return -core.mean(softplus(fake - paired_with(real, fake)))


@misconception(
    "9.11",
    "The slope of your weight goes through u and v, too. They only point the way: stop the gradient "
    "of what they are made of.",
    symbol="power_iteration",
)
def power_iteration(w, u, v, rounds):
    for _ in range(rounds):
        u = unit(w @ v)
        v = unit(u @ w)
    return u, v


@misconception(
    "9.11",
    "You do not make the vectors unit after each product. They grow, and sigma is not a singular "
    "value any more.",
    symbol="power_iteration",
)
def power_iteration(w, u, v, rounds):
    w = core.stop_gradient(w)
    for _ in range(rounds):
        u = w @ v
        v = u @ w
    return u, v


@misconception(
    "9.11",
    "Your layer forgets its vectors: each call begins with those of the first one, and one round "
    "from there is never enough. Keep them.",
    symbol="SpectralNorm.normalized",
)
def normalized(self):
    matrix = self.layer.weight.reshape(self.layer.weight.shape[0], -1)
    u, v = self.u, self.v
    if self.training:
        u, v = power_iteration(matrix, u, v, self.rounds)
    sigma = core.sum(u * (matrix @ v))
    return self.layer.weight / sigma


@misconception(
    "9.11",
    "You stop the gradient of sigma. W / sigma is then differentiated as if sigma did not depend on "
    "W, and a step may stretch the layer again.",
    symbol="SpectralNorm.normalized",
)
def normalized(self):
    matrix = self.layer.weight.reshape(self.layer.weight.shape[0], -1)
    if self.training:
        self.u, self.v = power_iteration(matrix, self.u, self.v, self.rounds)
    sigma = core.stop_gradient(core.sum(self.u * (matrix @ self.v)))
    return self.layer.weight / sigma


@misconception(
    "9.11",
    "Your layer goes on iterating in evaluation mode. Then what it says of an example depends on "
    "how often it was asked.",
    symbol="SpectralNorm.normalized",
)
def normalized(self):
    matrix = self.layer.weight.reshape(self.layer.weight.shape[0], -1)
    self.u, self.v = power_iteration(matrix, self.u, self.v, self.rounds)
    sigma = core.sum(self.u * (matrix @ self.v))
    return self.layer.weight / sigma


@misconception(
    "9.11",
    "You leave a weight as it is if its sigma is below 1. It is always divided by sigma: a layer "
    "that shrinks everything is stretched until its largest singular value is 1.",
    symbol="SpectralNorm.normalized",
)
def normalized(self):
    matrix = self.layer.weight.reshape(self.layer.weight.shape[0], -1)
    if self.training:
        self.u, self.v = power_iteration(matrix, self.u, self.v, self.rounds)
    sigma = core.maximum(core.sum(self.u * (matrix @ self.v)), 1)
    return self.layer.weight / sigma


@misconception(
    "9.12",
    "You take the deviation over the channels and places of each example. What counts is how the "
    "examples differ from each other.",
)
def minibatch_deviation(x, group=4, eps=1e-8):
    n, height, width, channels = x.shape
    if group < 1 or n % group:
        raise ValueError("[minibatch_deviation] no such groups")
    each = core.sqrt(core.var(x, axis=(1, 2, 3)) + eps)
    channel = each.reshape(n, 1, 1, 1)
    return core.concatenate([x, core.broadcast_to(channel, (n, height, width, 1))], axis=-1)


@misconception(
    "9.12",
    "You compare the whole batch. The examples of each group are compared with each other only.",
)
def minibatch_deviation(x, group=4, eps=1e-8):
    n, height, width, channels = x.shape
    if group < 1 or n % group:
        raise ValueError("[minibatch_deviation] no such groups")
    one = core.mean(core.sqrt(core.var(x, axis=0) + eps))
    return core.concatenate([x, core.broadcast_to(one, (n, height, width, 1))], axis=-1)


@misconception(
    "9.12",
    "Your groups are made of every (N / group)-th example. Neighbours are a group.",
)
def minibatch_deviation(x, group=4, eps=1e-8):
    n, height, width, channels = x.shape
    if group < 1 or n % group:
        raise ValueError("[minibatch_deviation] no such groups")
    groups = x.reshape(group, n // group, height, width, channels)
    each = core.mean(core.sqrt(core.var(groups, axis=0) + eps), axis=(1, 2, 3))
    channel = core.tile(each, group).reshape(n, 1, 1, 1)
    return core.concatenate([x, core.broadcast_to(channel, (n, height, width, 1))], axis=-1)


@misconception(
    "9.12",
    "Without eps the root of 0 has an infinite slope: just when all examples are the same, which "
    "this channel is to show.",
)
def minibatch_deviation(x, group=4, eps=1e-8):
    n, height, width, channels = x.shape
    if group < 1 or n % group:
        raise ValueError("[minibatch_deviation] no such groups")
    groups = x.reshape(n // group, group, height, width, channels)
    each = core.mean(core.sqrt(core.var(groups, axis=1)), axis=(1, 2, 3))
    channel = core.repeat(each, group).reshape(n, 1, 1, 1)
    return core.concatenate([x, core.broadcast_to(channel, (n, height, width, 1))], axis=-1)


@misconception(
    "9.12",
    "You divide the squared deviations by one less than the group. Here it is their mean, divided "
    "by the group; with a group of one yours is 0 / 0.",
)
def minibatch_deviation(x, group=4, eps=1e-8):
    n, height, width, channels = x.shape
    if group < 1 or n % group:
        raise ValueError("[minibatch_deviation] no such groups")
    groups = x.reshape(n // group, group, height, width, channels)
    each = core.mean(core.sqrt(core.var(groups, axis=1, ddof=1) + eps), axis=(1, 2, 3))
    channel = core.repeat(each, group).reshape(n, 1, 1, 1)
    return core.concatenate([x, core.broadcast_to(channel, (n, height, width, 1))], axis=-1)


@misconception(
    "9.13",
    "The vector of the class stands in front of z. It belongs behind it; weights that were trained "
    "so would read one for the other.",
    symbol="ConditionalGenerator.__call__",
)
def __call__(self, z, labels):
    return self.generator(core.concatenate([self.embedding(labels), z], axis=-1))


@misconception(
    "9.13",
    "Your discriminator does not look at the label. A generator that draws a fine 3 where a 7 was "
    "asked for has nothing to fear.",
    symbol="ProjectionDiscriminator.__call__",
)
def __call__(self, x, labels):
    return self.discriminator(x)


@misconception(
    "9.13",
    "You multiply every picture with the vectors of all labels: the product belongs to each pair, "
    "summed over the features.",
    symbol="ProjectionDiscriminator.__call__",
)
def __call__(self, x, labels):
    h = self.discriminator.features(x)
    both = self.discriminator.linear(h)[:, 0]
    return both + core.sum(h @ self.embedding(labels).T, axis=-1)


@misconception(
    "9.13",
    "You forget what the picture is worth without its label: the linear layer's part is added.",
    symbol="ProjectionDiscriminator.__call__",
)
def __call__(self, x, labels):
    h = self.discriminator.features(x)
    return core.sum(self.embedding(labels) * h, axis=-1)


@misconception(
    "9.13",
    "You take the mean of the products over the features. It is their sum: with a mean, the label "
    "counts less the more features there are.",
    symbol="ProjectionDiscriminator.__call__",
)
def __call__(self, x, labels):
    h = self.discriminator.features(x)
    return self.discriminator.linear(h)[:, 0] + core.mean(self.embedding(labels) * h, axis=-1)


@misconception(
    "9.14",
    "You average what is trained, and leave the running statistics of the normalizations behind. "
    "Averaged weights with statistics of other weights draw something grey.",
    symbol="Shadow.update",
)
def update(self):
    t = self.state["steps"]
    share = core.minimum(self.decay, (1 + t) / (10 + t))
    moved = tree_map(
        lambda a, w: (share * a + (1 - share) * w).astype(w.dtype),
        self.state["parameters"],
        self.generator.parameters(),
    )

    def with_old_statistics(new, old):
        if isinstance(new, list):
            return [with_old_statistics(a, b) for a, b in zip(new, old)]
        if isinstance(new, dict):
            return {
                name: old[name] if "running" in name else with_old_statistics(new[name], old[name])
                for name in new
            }
        return new

    self.state["parameters"] = with_old_statistics(moved, self.state["parameters"])
    self.state["steps"] = t + 1


@misconception(
    "9.14",
    "You give the random weights of the beginning the full share. With 0.999 a third of the average "
    "is still noise after a thousand steps.",
    symbol="Shadow.update",
)
def update(self):
    self.state["parameters"] = tree_map(
        lambda a, w: (self.decay * a + (1 - self.decay) * w).astype(w.dtype),
        self.state["parameters"],
        self.generator.parameters(),
    )
    self.state["steps"] = self.state["steps"] + 1


@misconception(
    "9.14",
    "You mixed up the shares: beta belongs to the average. So the average is the last step, nearly.",
    symbol="Shadow.update",
)
def update(self):
    t = self.state["steps"]
    share = core.minimum(self.decay, (1 + t) / (10 + t))
    self.state["parameters"] = tree_map(
        lambda a, w: ((1 - share) * a + share * w).astype(w.dtype),
        self.state["parameters"],
        self.generator.parameters(),
    )
    self.state["steps"] = t + 1


@misconception(
    "9.14",
    "You draw samples in training mode. A batch normalization then uses the statistics of what is "
    "drawn together, and moves its running ones.",
    symbol="Shadow.__call__",
)
def __call__(self, *inputs):
    own, training = self.generator.parameters(), self.generator.training
    self.generator.update(self.state["parameters"])
    self.generator.train()
    try:
        return self.generator(*inputs)
    finally:
        self.generator.update(own)
        self.generator.train(training)


@misconception(
    "9.14",
    "The averages stay in the generator. From then on it trains on from there.",
    symbol="Shadow.__call__",
)
def __call__(self, *inputs):
    training = self.generator.training
    self.generator.update(self.state["parameters"])
    self.generator.eval()
    try:
        return self.generator(*inputs)
    finally:
        self.generator.train(training)


@misconception(
    "9.14",
    "You leave the generator in the mode that it has. While training, a batch normalization then "
    "uses the statistics of what is drawn together: samples are drawn in evaluation mode.",
    symbol="Shadow.__call__",
)
def __call__(self, *inputs):
    own = self.generator.parameters()
    self.generator.update(self.state["parameters"])
    try:
        return self.generator(*inputs)
    finally:
        self.generator.update(own)


@misconception(
    "9.14",
    "When something is raised, the averages and the evaluation mode stay in the generator: give "
    "both back in a finally.",
    symbol="Shadow.__call__",
)
def __call__(self, *inputs):
    own, training = self.generator.parameters(), self.generator.training
    self.generator.update(self.state["parameters"])
    self.generator.eval()
    y = self.generator(*inputs)
    self.generator.update(own)
    self.generator.train(training)
    return y


@misconception(
    "9.15",
    "Your covariance is over the wrong axis: how examples vary together, instead of features. With "
    "it distances come out absurdly small.",
    symbol="mean_and_covariance",
)
def mean_and_covariance(features):
    if features.ndim != 2 or features.shape[0] < 2:
        raise ValueError("[mean_and_covariance] Features should be (N, D) with N at least 2.")
    with core.stream(core.cpu):
        x = features.astype(core.float64)
        mean = core.mean(x, axis=0)
        centred = x - core.mean(x, axis=1, keepdims=True)
        return mean, centred @ centred.T / (x.shape[1] - 1)


@misconception(
    "9.15",
    "You divide by N. The mean was taken from the same examples, which makes them seem nearer to it "
    "than they are: N - 1.",
    symbol="mean_and_covariance",
)
def mean_and_covariance(features):
    if features.ndim != 2 or features.shape[0] < 2:
        raise ValueError("[mean_and_covariance] Features should be (N, D) with N at least 2.")
    with core.stream(core.cpu):
        x = features.astype(core.float64)
        mean = core.mean(x, axis=0)
        centred = x - mean
        return mean, centred.T @ centred / x.shape[0]


@misconception(
    "9.15",
    "You take the root of every number of the product. The root of a matrix is the matrix whose "
    "square it is.",
    symbol="trace_of_root",
)
def trace_of_root(a, b):
    with core.stream(core.cpu):
        return core.sum(core.sqrt(core.abs(core.diag(a @ b))))


@misconception(
    "9.15",
    "You multiply the roots of both matrices. That is the root of the product only if the two have "
    "the same axes.",
    symbol="trace_of_root",
)
def trace_of_root(a, b):
    with core.stream(core.cpu):
        roots = []
        for matrix in (a, b):
            values, vectors = core.linalg.eigh(matrix)
            roots.append((vectors * core.sqrt(core.maximum(values, 0))) @ vectors.T)
        return core.trace(roots[0] @ roots[1])


@misconception(
    "9.15",
    "An eigenvalue of 0 comes out as -1e-17 now and then, and its root is not a number: cut off at "
    "0.",
    symbol="trace_of_root",
)
def trace_of_root(a, b):
    with core.stream(core.cpu):
        values, vectors = core.linalg.eigh(a)
        root = (vectors * core.sqrt(values)) @ vectors.T
        return core.sum(core.sqrt(core.linalg.eigvalsh(root @ b @ root)))


@misconception(
    "9.15",
    "You compare different numbers of examples. Few examples are further from everything, whatever "
    "made them: cut all three to the shortest.",
    symbol="frechet_ratio",
)
def frechet_ratio(made, real, other):
    with core.stream(core.cpu):
        return frechet_distance(made, real) / frechet_distance(other, real)


@misconception(
    "9.15",
    "You forgot what to compare with: the distance of real from other real ones, which is not 0.",
    symbol="frechet_ratio",
)
def frechet_ratio(made, real, other):
    n = min(made.shape[0], real.shape[0], other.shape[0])
    return frechet_distance(made[:n], real[:n])


@misconception(
    "9.15",
    "You compare other real examples with what was made. Below the line is the distance of real "
    "from real ones.",
    symbol="frechet_ratio",
)
def frechet_ratio(made, real, other):
    n = min(made.shape[0], real.shape[0], other.shape[0])
    with core.stream(core.cpu):
        return frechet_distance(made[:n], real[:n]) / frechet_distance(other[:n], made[:n])


@misconception(
    "9.16",
    "You count the classes that occur. One lucky example does not cover a class: it needs the least "
    "share.",
    symbol="classes_covered",
)
def classes_covered(labels, classes, least=0.05):
    return core.sum(class_shares(labels, classes) > 0)


@misconception(
    "9.16",
    "You return numbers of examples. Shares are what can be compared.",
    symbol="class_shares",
)
def class_shares(labels, classes):
    return core.sum(labels[:, None] == core.arange(classes), axis=0).astype(core.float32)


@misconception(
    "9.16",
    "You compare a squared distance with the radius itself.",
    symbol="modes_found",
)
def modes_found(x, centres, radius):
    squares = core.sum(core.square(x[:, None] - centres), axis=-1)
    near = core.min(squares, axis=1) <= radius
    belongs = (core.argmin(squares, axis=1)[:, None] == core.arange(len(centres))) & near[:, None]
    counts = core.sum(belongs, axis=0)
    found = core.sum(counts * len(centres) * 5 >= len(x))
    return found, 1 - core.mean(near.astype(core.float32))


@misconception(
    "9.16",
    "You give every point to its nearest mode, also those that lie between. A generator that smears "
    "over everything would have found all of them.",
    symbol="modes_found",
)
def modes_found(x, centres, radius):
    squares = core.sum(core.square(x[:, None] - centres), axis=-1)
    near = core.min(squares, axis=1) <= radius**2
    belongs = core.argmin(squares, axis=1)[:, None] == core.arange(len(centres))
    found = core.sum(core.sum(belongs, axis=0) * len(centres) * 5 >= len(x))
    return found, 1 - core.mean(near.astype(core.float32))


@misconception(
    "9.16",
    "One point is enough for you to call a mode found.",
    symbol="modes_found",
)
def modes_found(x, centres, radius):
    squares = core.sum(core.square(x[:, None] - centres), axis=-1)
    near = core.min(squares, axis=1) <= radius**2
    belongs = (core.argmin(squares, axis=1)[:, None] == core.arange(len(centres))) & near[:, None]
    found = core.sum(core.any(belongs, axis=0))
    return found, 1 - core.mean(near.astype(core.float32))


@misconception(
    "9.16",
    "Your fair share is one of the points near a mode. It is N / K, of all points: otherwise a "
    "generator that smears nearly everything needs only a few lucky ones.",
    symbol="modes_found",
)
def modes_found(x, centres, radius):
    squares = core.sum(core.square(x[:, None] - centres), axis=-1)
    near = core.min(squares, axis=1) <= radius**2
    belongs = (core.argmin(squares, axis=1)[:, None] == core.arange(len(centres))) & near[:, None]
    found = core.sum(core.sum(belongs, axis=0) * len(centres) * 5 >= core.sum(near))
    return found, 1 - core.mean(near.astype(core.float32))


@misconception(
    "9.16",
    "You count a point for every mode within the radius. Where circles overlap, one point would "
    "find several: it belongs to the nearest only.",
    symbol="modes_found",
)
def modes_found(x, centres, radius):
    squares = core.sum(core.square(x[:, None] - centres), axis=-1)
    belongs = squares <= radius**2
    near = core.any(belongs, axis=1)
    found = core.sum(core.sum(belongs, axis=0) * len(centres) * 5 >= len(x))
    return found, 1 - core.mean(near.astype(core.float32))


@misconception(
    "9.17",
    "You count each point as its own nearest neighbour. The balls are then too small by one "
    "neighbour, and for k = 1 they are points.",
    symbol="radii",
)
def radii(x, k=3):
    n = x.shape[0]
    if not 1 <= k < n:
        raise ValueError(f"[radii] k should be from 1 to {n - 1}; it is {k}.")
    return core.sort(squared_distances(x, x), axis=1)[:, k - 1]


@misconception(
    "9.17",
    "You make an array of all differences, D numbers for each pair. For ten thousand pictures with "
    "64 features that is 25 GB: one product of two tables is enough.",
    symbol="squared_distances",
)
def squared_distances(a, b):
    return core.sum(core.square(a[:, None] - b[None]), axis=-1)


@misconception(
    "9.17",
    "Rounding makes some of your squared distances negative, and their roots are not numbers.",
    symbol="squared_distances",
)
def squared_distances(a, b):
    of_a, of_b = core.sum(core.square(a), axis=1), core.sum(core.square(b), axis=1)
    return of_a[:, None] - 2 * (a @ b.T) + of_b


@misconception(
    "9.17",
    "Precision and recall are exchanged: precision is a share of what was made.",
    symbol="precision_and_recall",
)
def precision_and_recall(real, made, k=3):
    squares = squared_distances(made, real)
    precise = core.any(squares <= radii(real, k), axis=1)
    recalled = core.any(squares <= radii(made, k)[:, None], axis=0)
    return core.mean(recalled.astype(core.float32)), core.mean(precise.astype(core.float32))


@misconception(
    "9.17",
    "Both of your shares ask for balls around real points. For recall the balls are around what was "
    "made, and ask whether it could have made the real one.",
    symbol="precision_and_recall",
)
def precision_and_recall(real, made, k=3):
    inside = squared_distances(made, real) <= radii(real, k)
    precise, recalled = core.any(inside, axis=1), core.any(inside, axis=0)
    return core.mean(precise.astype(core.float32)), core.mean(recalled.astype(core.float32))


@misconception(
    "9.17",
    "You return the squared distance.",
    symbol="nearest",
)
def nearest(x, known):
    squares = squared_distances(x, known)
    return core.argmin(squares, axis=1), core.min(squares, axis=1)


@misconception(
    "9.18",
    "You go along the straight line. In its middle the vector is shorter than any that the "
    "generator was trained on.",
)
def spherical(a, b, t):
    return (1 - t) * a + t * b


@misconception(
    "9.18",
    "Your formula is 0 / 0 where both vectors have the same direction.",
)
def spherical(a, b, t):
    lengths = core.linalg.norm(a, axis=-1) * core.linalg.norm(b, axis=-1)
    cosine = core.clip(core.sum(a * b, axis=-1) / lengths, -1, 1)
    angle = core.arccos(cosine)[..., None]
    sine = core.sin(angle)
    return core.sin((1 - t) * angle) / sine * a + core.sin(t * angle) / sine * b


@misconception(
    "9.18",
    "You take the product a.b for the cosine. It is one only for vectors of length 1: divide by "
    "both lengths.",
)
def spherical(a, b, t):
    cosine = core.clip(core.sum(a * b, axis=-1), -1, 1)
    angle = core.arccos(cosine)[..., None]
    sine = core.sin(angle)
    straight = sine < 1e-4
    sine = core.where(straight, 1.0, sine)
    arc = core.sin((1 - t) * angle) / sine * a + core.sin(t * angle) / sine * b
    return core.where(straight, (1 - t) * a + t * b, arc)


@misconception(
    "9.18",
    "The shares of a and b are exchanged: t = 0 is a.",
)
def spherical(a, b, t):
    lengths = core.linalg.norm(a, axis=-1) * core.linalg.norm(b, axis=-1)
    cosine = core.clip(core.sum(a * b, axis=-1) / lengths, -1, 1)
    angle = core.arccos(cosine)[..., None]
    sine = core.sin(angle)
    straight = sine < 1e-4
    sine = core.where(straight, 1.0, sine)
    arc = core.sin(t * angle) / sine * a + core.sin((1 - t) * angle) / sine * b
    return core.where(straight, t * a + (1 - t) * b, arc)


@misconception(
    "9.18",
    "You go straight too soon. Two nearly opposite vectors still have an arc of full length, and "
    "the straight line between them goes through the origin: only below a sine of 1e-4.",
)
def spherical(a, b, t):
    lengths = core.linalg.norm(a, axis=-1) * core.linalg.norm(b, axis=-1)
    cosine = core.clip(core.sum(a * b, axis=-1) / lengths, -1, 1)
    angle = core.arccos(cosine)[..., None]
    sine = core.sin(angle)
    straight = sine < 1e-2
    sine = core.where(straight, 1.0, sine)
    arc = core.sin((1 - t) * angle) / sine * a + core.sin(t * angle) / sine * b
    return core.where(straight, (1 - t) * a + t * b, arc)


@misconception(
    "9.19",
    "What comes in from outside is 0, a grey frame around some pictures. Paper is -1 here: an edge "
    "that only views have is the first thing a discriminator sees.",
)
def random_view(x, shift=2, light=0.2, key=None):
    for_place, for_light = several(key, 2)
    x = random_crop(x, shift, key=for_place)
    factor = core.random.uniform(1 - light, 1 + light, (x.shape[0], 1, 1, 1), key=for_light)
    return (x + 1) * factor.astype(x.dtype) - 1


@misconception(
    "9.19",
    "You multiply the picture and not its ink: paper, which is -1, becomes darker or lighter, too.",
)
def random_view(x, shift=2, light=0.2, key=None):
    for_place, for_light = several(key, 2)
    ink = random_crop(x + 1, shift, key=for_place)
    factor = core.random.uniform(1 - light, 1 + light, (x.shape[0], 1, 1, 1), key=for_light)
    return (ink - 1) * factor.astype(x.dtype)


@misconception(
    "9.19",
    "All pictures of the batch get the same light. Each needs a draw of its own, or the batch as a "
    "whole gives itself away.",
)
def random_view(x, shift=2, light=0.2, key=None):
    for_place, for_light = several(key, 2)
    ink = random_crop(x + 1, shift, key=for_place)
    factor = core.random.uniform(1 - light, 1 + light, (1, 1, 1, 1), key=for_light)
    return ink * factor.astype(x.dtype) - 1


@misconception(
    "9.19",
    "Your views have no slope: nothing comes back through them, and the generator learns nothing.",
)
def random_view(x, shift=2, light=0.2, key=None):
    for_place, for_light = several(key, 2)
    ink = core.stop_gradient(random_crop(x + 1, shift, key=for_place))
    factor = core.random.uniform(1 - light, 1 + light, (x.shape[0], 1, 1, 1), key=for_light)
    return ink * factor.astype(x.dtype) - 1


@misconception(
    "9.19",
    "You cut the ink off at 1. A pixel that is cut off has no slope, and strong ink is where the "
    "generator draws.",
)
def random_view(x, shift=2, light=0.2, key=None):
    for_place, for_light = several(key, 2)
    ink = random_crop(x + 1, shift, key=for_place)
    factor = core.random.uniform(1 - light, 1 + light, (x.shape[0], 1, 1, 1), key=for_light)
    return core.clip(ink * factor.astype(x.dtype) - 1, -1, 1)
