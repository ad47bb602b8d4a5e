"""Images and labels as plain tensors in [0, 1]: known sets, folders, npz files, own tensors."""

from robustsplit.data.files import from_folder, from_npz, splits_from_folder, splits_from_npz
from robustsplit.data.images import DataSplits, ImageData, as_image_data
from robustsplit.data.sets import cifar10, cifar100, digits, imagenette
from robustsplit.data.splits import split

__all__ = [
    "DataSplits",
    "ImageData",
    "as_image_data",
    "cifar10",
    "cifar100",
    "digits",
    "from_folder",
    "from_npz",
    "imagenette",
    "split",
    "splits_from_folder",
    "splits_from_npz",
]
