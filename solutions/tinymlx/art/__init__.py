"""Pictures in a style: transferred, made, tiled and measured (chapter 18).

===================  ==================================================================
:mod:`.gram`         what style is to a network: products of its maps; three losses
:mod:`.features`     the convolutions of VGG16, with published weights
:mod:`.lbfgs`        a minimizer for pictures: curvature from the last few steps
:mod:`.sliced`       the distance of two clouds of features, direction by direction
:mod:`.adain`        mean and deviation of one picture's maps, given to another's
:mod:`.fast`         a network that paints in one pass, with a norm for each style
:mod:`.colour`       the style of one picture in the colours of another
:mod:`.augment`      pictures that a discriminator cannot learn by heart
:mod:`.mixing`       kernels that a style modulates; coarse from one, fine from another
:mod:`.novelty`      is it a copy, and are all of them the same?
:mod:`.tiles`        pictures that continue at their edges
===================  ==================================================================

Pictures are ``(N, H, W, 3)`` from 0 to 1, red, green and blue, unless a docstring says otherwise.
"""
