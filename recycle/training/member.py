"""What training one member needs to know, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from recycle.data.coco import Dataset
from recycle.data.copy_paste_folder import read_pasted
from recycle.data.folds import Folds
from recycle.data.image_cache import NO_CACHE, ImageCache
from recycle.data.pseudo_images import PseudoImages
from recycle.data.pseudo_labels import read_pseudo_labels
from recycle.data.remote_folder import RemoteFolder
from recycle.recipe import Fold, Model, PseudoLabels
from recycle.storage import StoredRun

KEY_FILE = "key"
"""What the checkpoints beside it were made of."""
CHECKPOINT_SUFFIX = ".pth"
LAST_CHECKPOINT = "last.pth"
BEST_CHECKPOINT = "best.pth"


@dataclass(frozen=True)
class MemberTask:
    """One model to be trained on one fold.

    Attributes:
        name: The member's name.
        settings: The model as the recipe has it.
        train: Images of the other folds.
        validation: Images of this fold, which training never sees; none where it is trained on all.
        work_dir: Folder of checkpoints and logs.
        seed: Seed of this member's draws.
        cache: Reads the images.
        checkpoints: How many to keep: the last, the best, and then weights after the latest epochs before.
        pseudo: Pseudo-labelled images, which its first phase sees too; None where there are none.
        parent: The checkpoint from whose weights its first phase begins; None where it is as the model has it.
    """

    name: str
    settings: Model
    train: Dataset
    validation: Dataset
    work_dir: Path
    seed: int
    cache: ImageCache = NO_CACHE
    checkpoints: int = 2
    pseudo: PseudoImages | None = None
    parent: Path | None = None

    @property
    def last_checkpoint(self) -> Path:
        """The state after the latest finished epoch."""
        return self.work_dir / LAST_CHECKPOINT

    @property
    def best_checkpoint(self) -> Path:
        """The weights of the epoch with the highest validation score."""
        return self.work_dir / BEST_CHECKPOINT


@dataclass(frozen=True)
class TrainingData:
    """What every member of a run shares; it is sent to each node once.

    Attributes:
        train: All training images.
        test: All test images.
        folds: Which training image is in which fold.
        pasted: Folder of a fold's training part after copy-paste, where there is one.
        remote: Of folders named here that other machines do not see, where they get them from.
        cache_gib: Most that such copies may take on a machine, in GiB.
    """

    train: Dataset
    test: Dataset
    folds: Folds
    pasted: Mapping[Fold, Path] = field(default_factory=dict)
    remote: Mapping[Path, RemoteFolder] = field(default_factory=dict)
    cache_gib: float = 0.0

    def fold(self, fold: Fold) -> tuple[Dataset, Dataset]:
        """The training part and the validation part of a fold; of `all`, all images and none."""
        inside = {image.id for image in self.train.images if self.folds.assignment[image.file_name] == fold}
        outside = {image.id for image in self.train.images} - inside
        train = read_pasted(self.pasted[fold]) if fold in self.pasted else self.train.subset(outside)
        return train, self.train.subset(inside)


@dataclass(frozen=True)
class RoundPlan:
    """What a member of a round of pseudo labels has beside others.

    Attributes:
        parent: Checkpoint of the member that it goes on from.
        labels: Its pseudo labels, see `recycle.data.pseudo_labels`.
        settings: How they are trained on.
    """

    parent: Path
    labels: Path
    settings: PseudoLabels

    @property
    def files(self) -> tuple[Path, Path]:
        """What it needs."""
        return self.parent, self.labels

    def images(self, test: Dataset) -> PseudoImages:
        """The images that it trains on beside the labelled ones, which are some of the test images."""
        return PseudoImages(read_pseudo_labels(self.labels, test), self.settings.mixing, self.settings.share)


@dataclass(frozen=True)
class MemberPlan:
    """One member to be trained and where its files go.

    Attributes:
        name: The member's name.
        settings: Its model.
        fold: The fold it never sees, or `all` where it is trained on all images.
        seed: Seed of its draws.
        key: Digest of all that determines its result.
        work_dir: Checkpoints and logs.
        oof: Where its predictions of the fold go; None where it has none.
        test: Where its predictions of the test images go.
        cache_name: Names the cache of decoded images that it shares with all members of its run on a machine.
        cache_gib: Most that this cache may hold, in GiB; with 0 there is none. It changes no result.
        checkpoints: How many of them it keeps.
        stored: Where its files go if machines share no disk.
        weights: Name there of the file that its model's `pretrained` names; empty where it names none.
        round_index: Its round.
        pseudo: What it has from a round of pseudo labels; None in round 0.
    """

    name: str
    settings: Model
    fold: Fold
    seed: int
    key: str
    work_dir: Path
    oof: Path | None
    test: Path
    cache_name: str = ""
    cache_gib: float = 0.0
    round_index: int = 0
    pseudo: RoundPlan | None = None
    checkpoints: int = 2
    stored: StoredRun | None = None
    weights: str = ""

    def moved_to(self, folder: Path) -> "MemberPlan":
        """The same member, with its files in another run folder, and its pretrained weights as well."""
        assert self.stored is not None

        def moved(path: Path) -> Path:
            assert self.stored is not None
            return folder / path.relative_to(self.stored.root)

        pseudo = self.pseudo and replace(
            self.pseudo, parent=moved(self.pseudo.parent), labels=moved(self.pseudo.labels)
        )
        settings = self.settings
        if self.weights:
            settings = settings.model_copy(update={"pretrained": str(folder / self.weights)})
        return replace(
            self,
            settings=settings,
            work_dir=moved(self.work_dir),
            oof=self.oof and moved(self.oof),
            test=moved(self.test),
            stored=None,
            pseudo=pseudo,
        )


@dataclass(frozen=True)
class MemberOutcome:
    """What a finished member tells the driver.

    Attributes:
        checkpoint: Its last checkpoint.
        seconds: Time on the clock.
        host: Where it ran.
        warnings: What the user should know.
    """

    checkpoint: Path
    seconds: float
    host: str
    warnings: tuple[str, ...] = ()
