"""The loops of weighted boxes fusion, compiled with Numba: columns in, columns out, parallel over images.

Everything that decides the result follows `ensemble_boxes` 1.0.9 to the rounding of each step: sums of coordinates are
kept in float32, boxes that met no other stay in float64. Where that library leaves ties to an unstable sort, boxes of
equal weighted score come by x1, y1, x2, y2, unweighted score (the higher first) and model.
"""

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from recycle.compilation import compiled
from recycle.fusion.sorting import ascending_order

AVG, MAX, BOX_AND_MODEL_AVG, ABSENT_MODEL_AWARE_AVG = range(4)


class Columns(NamedTuple):
    """Boxes of all models, sorted by image and label; a group is what all models found of one label on one image."""

    image_groups: npt.NDArray[np.int64]
    """Shape (images + 1,): image i is the groups from image_groups[i] to image_groups[i + 1]."""
    group_rows: npt.NDArray[np.int64]
    """Shape (groups + 1,): group g is the rows from group_rows[g] to group_rows[g + 1]."""
    labels: npt.NDArray[np.int64]
    """Shape (groups,): index into the columns of the weights."""
    boxes: npt.NDArray[np.float64]
    """Shape (n, 4), columns x1, y1, x2, y2 as fractions of the image's size."""
    scores: npt.NDArray[np.float32]
    models: npt.NDArray[np.int32]
    covers: npt.NDArray[np.bool_]
    """Shape (images, models): whether the model takes part and has seen the image."""


class Rules(NamedTuple):
    """How to fuse."""

    weights: npt.NDArray[np.float64]
    """Shape (models, labels); boxes of weight 0 do not count."""
    model_order: npt.NDArray[np.int64]
    """Models in the order in which weights are summed, so that it is not theirs that decides the rounding."""
    iou_thr: float
    skip_box_thr: np.float32
    conf_type: int
    allows_overflow: bool


class Fused(NamedTuple):
    """Room for as many boxes as there were; those of an image fill the first rows of its own."""

    counts: npt.NDArray[np.int64]
    """Shape (images,)."""
    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]


class _Clusters(NamedTuple):
    """What is known of each cluster of one group, in the order in which they were begun."""

    sides: npt.NDArray[np.float64]
    """Shape (5, n): x1, y1, x2, y2 of the mean box, and its area."""
    sums: npt.NDArray[np.float32]
    """Shape (4, n): coordinates times weighted scores."""
    ious: npt.NDArray[np.float64]
    """How much the clusters overlap the present box."""
    first: npt.NDArray[np.float64]
    """Weighted score of the first, which is the highest."""
    confidences: npt.NDArray[np.float64]
    """Sum of weighted scores."""
    sizes: npt.NDArray[np.int64]
    weights: npt.NDArray[np.float64]
    """Sum of the weights of all boxes."""
    model_weights: npt.NDArray[np.float64]
    """Sum of the weights of all models that have a box here."""
    has_model: npt.NDArray[np.bool_]
    """Shape (n, models)."""


@compiled(parallel=True)
def fuse_images(columns: Columns, rules: Rules) -> Fused:
    """Fuses the boxes of each image; within an image the results come by descending score."""
    images, rows = len(columns.covers), len(columns.boxes)
    fused = Fused(np.zeros(images, np.int64), np.empty((rows, 4)), np.empty(rows), np.empty(rows, np.int64))
    for image in numba.prange(images):
        # Without the cast every function would be compiled a second time, for unsigned numbers.
        _fuse_image(np.int64(image), columns, rules, fused)
    return fused


@compiled()
def _fuse_image(image: np.int64, columns: Columns, rules: Rules, fused: Fused) -> None:
    first, last = columns.image_groups[image], columns.image_groups[image + 1]
    start = columns.group_rows[first]
    room = columns.group_rows[last] - start
    unsorted = Fused(fused.counts, np.empty((room, 4)), np.empty(room), np.empty(room, np.int64))
    for group in range(first, last):
        _fuse_group(image, group, columns, rules, unsorted)
    count = fused.counts[image]
    order = ascending_order(unsorted.scores[:count])
    for place in range(count):
        row = order[count - 1 - place]
        fused.scores[start + place] = unsorted.scores[row]
        fused.labels[start + place] = unsorted.labels[row]
        for side in range(4):
            fused.boxes[start + place, side] = unsorted.boxes[row, side]


@compiled()
def _fuse_group(image: np.int64, group: int, columns: Columns, rules: Rules, fused: Fused) -> None:
    """Appends the fused boxes of one group to those of its image."""
    label = columns.labels[group]
    weights, covers = rules.weights[:, label], columns.covers[image]
    clusters, count = _clustered(columns, columns.group_rows[group], columns.group_rows[group + 1], weights, rules)
    total, covering = _total(weights, covers, rules), covers.sum()
    end = fused.counts[image]
    for cluster in range(count):
        fused.scores[end + cluster] = _score(clusters, cluster, total, covering, rules)
        fused.labels[end + cluster] = label
        for side in range(4):
            fused.boxes[end + cluster, side] = clusters.sides[side, cluster]
    fused.counts[image] = end + count


@compiled()
def _clustered(
    columns: Columns, start: int, end: int, weights: npt.NDArray[np.float64], rules: Rules
) -> tuple[_Clusters, int]:
    """Gives each box to the cluster that it overlaps most, or begins one; returns the clusters and their number."""
    rows, weighted = _ranked(columns, start, end, weights, rules)
    clusters = _no_clusters(len(rows), len(weights))
    count = 0
    for rank in range(len(rows)):
        box, model = columns.boxes[rows[rank]], columns.models[rows[rank]]
        cluster = _best_match(box, clusters, count, rules.iou_thr)
        if cluster < 0:
            cluster = count
            count += 1
            _begin(clusters, cluster, box, weighted[rank])
        else:
            _move(clusters, cluster, box, weighted[rank])
        _count_in(clusters, cluster, model, weights[model])
    return clusters, count


@compiled()
def _ranked(
    columns: Columns, start: int, end: int, weights: npt.NDArray[np.float64], rules: Rules
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Returns the rows that count by descending weighted score, and those scores."""
    kept, scores = np.empty(end - start, np.int64), np.empty(end - start)
    count = 0
    for row in range(start, end):
        score = columns.scores[row]
        weight = weights[columns.models[row]]
        if score >= rules.skip_box_thr and score > 0 and weight > 0:
            kept[count] = row
            scores[count] = np.float64(score) * weight
            count += 1
    order = ascending_order(scores[:count])
    rows, weighted = np.empty(count, np.int64), np.empty(count)
    for rank in range(count):
        rows[rank], weighted[rank] = kept[order[count - 1 - rank]], scores[order[count - 1 - rank]]
    _settle_ties(columns, rows, weighted)
    return rows, weighted


@compiled()
def _settle_ties(columns: Columns, rows: npt.NDArray[np.int64], weighted: npt.NDArray[np.float64]) -> None:
    for place in range(1, len(rows)):
        row, free = rows[place], place
        while free > 0 and weighted[free - 1] == weighted[place] and _precedes(columns, row, rows[free - 1]):
            rows[free] = rows[free - 1]
            free -= 1
        rows[free] = row


@compiled()
def _precedes(columns: Columns, one: int, other: int) -> bool:
    for side in range(4):
        if columns.boxes[one, side] != columns.boxes[other, side]:
            return bool(columns.boxes[one, side] < columns.boxes[other, side])
    if columns.scores[one] != columns.scores[other]:
        return bool(columns.scores[one] > columns.scores[other])
    return bool(columns.models[one] < columns.models[other])


@compiled()
def _no_clusters(boxes: int, models: int) -> _Clusters:
    return _Clusters(
        sides=np.empty((5, boxes)),
        sums=np.empty((4, boxes), np.float32),
        ious=np.empty(boxes),
        first=np.empty(boxes),
        confidences=np.empty(boxes),
        sizes=np.zeros(boxes, np.int64),
        weights=np.zeros(boxes),
        model_weights=np.zeros(boxes),
        has_model=np.zeros((boxes, models), np.bool_),
    )


@compiled()
def _best_match(box: npt.NDArray[np.float64], clusters: _Clusters, count: int, iou_thr: float) -> int:
    """Returns the first of the clusters that overlap the box most, by more than the threshold, or -1."""
    _overlap(box, clusters.sides, clusters.ious[:count])
    best, best_iou = -1, iou_thr
    for cluster in range(count):
        if clusters.ious[cluster] > best_iou:
            best, best_iou = cluster, clusters.ious[cluster]
    return best


@compiled()
def _overlap(box: npt.NDArray[np.float64], sides: npt.NDArray[np.float64], ious: npt.NDArray[np.float64]) -> None:
    # Without a branch in it, this loop handles several clusters at once.
    x1, y1, x2, y2 = box[0], box[1], box[2], box[3]
    area = (x2 - x1) * (y2 - y1)
    lefts, tops, rights, bottoms, areas = sides[0], sides[1], sides[2], sides[3], sides[4]
    for cluster in range(len(ious)):
        width = min(rights[cluster], x2) - max(lefts[cluster], x1)
        height = min(bottoms[cluster], y2) - max(tops[cluster], y1)
        overlap = max(width, 0.0) * max(height, 0.0)
        ious[cluster] = overlap / (areas[cluster] + area - overlap)


@compiled()
def _begin(clusters: _Clusters, cluster: int, box: npt.NDArray[np.float64], score: float) -> None:
    for side in range(4):
        clusters.sides[side, cluster] = box[side]
        clusters.sums[side, cluster] = score * box[side]
    clusters.sides[4, cluster] = (box[2] - box[0]) * (box[3] - box[1])
    clusters.first[cluster] = score
    clusters.confidences[cluster] = score


@compiled()
def _move(clusters: _Clusters, cluster: int, box: npt.NDArray[np.float64], score: float) -> None:
    clusters.confidences[cluster] += score
    sides = clusters.sides[:, cluster]
    for side in range(4):
        clusters.sums[side, cluster] = np.float64(clusters.sums[side, cluster]) + score * box[side]
        sides[side] = np.float32(np.float64(clusters.sums[side, cluster]) / clusters.confidences[cluster])
    sides[4] = (sides[2] - sides[0]) * (sides[3] - sides[1])


@compiled()
def _count_in(clusters: _Clusters, cluster: int, model: int, weight: float) -> None:
    clusters.sizes[cluster] += 1
    clusters.weights[cluster] += weight
    if not clusters.has_model[cluster, model]:
        clusters.has_model[cluster, model] = True
        clusters.model_weights[cluster] += weight


@compiled()
def _total(weights: npt.NDArray[np.float64], covers: npt.NDArray[np.bool_], rules: Rules) -> float:
    """Returns the sum of the weights of the models that cover the image; their maximum for MAX."""
    total = 0.0
    for model in rules.model_order:
        if covers[model]:
            total = max(total, weights[model]) if rules.conf_type == MAX else total + weights[model]
    return total


@compiled()
def _score(clusters: _Clusters, cluster: int, total: float, covering: int, rules: Rules) -> float:
    size, weight = int(clusters.sizes[cluster]), float(clusters.weights[cluster])
    score = float(clusters.first[cluster])
    if rules.conf_type != MAX:
        score = float(clusters.confidences[cluster]) / size
    if size > 1:
        score, weight = float(np.float32(score)), float(np.float32(weight))
    if rules.conf_type == MAX:
        return score / total
    if rules.conf_type == BOX_AND_MODEL_AVG:
        return score * size / weight * float(clusters.model_weights[cluster]) / total
    if rules.conf_type == ABSENT_MODEL_AWARE_AVG:
        return score * size / (weight + (total - float(clusters.model_weights[cluster])))
    return score * (size if rules.allows_overflow else min(covering, size)) / total
