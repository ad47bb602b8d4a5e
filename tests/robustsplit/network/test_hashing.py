"""One hash of tensors: of their kind and their values, wherever and however they are stored."""

import hashlib

import pytest
import torch

from robustsplit.network.hashing import hash_tensors, kind_of

ROWS = torch.arange(6.0).reshape(2, 3)


def digest(*tensors):
    return hash_tensors((kind_of(tensor), tensor) for tensor in tensors).hexdigest()


def test_it_is_the_sha_256_of_words_and_bytes():
    expected = hashlib.sha256(b"before")
    expected.update(b"torch.float32 (2, 3)")
    expected.update(ROWS.numpy().tobytes())
    assert hash_tensors([(kind_of(ROWS), ROWS)], b"before").digest() == expected.digest()


def test_layout_and_gradients_do_not_count():
    turned = ROWS.T.contiguous().T
    assert not turned.is_contiguous()
    assert digest(turned) == digest(ROWS.clone().requires_grad_(True)) == digest(ROWS)


@pytest.mark.parametrize(
    "other",
    [
        ROWS.reshape(3, 2),
        ROWS.double(),
        ROWS + 1e-6 * (ROWS == 5),
        torch.where(ROWS == 0, -0.0, ROWS),
    ],
)
def test_shape_type_and_every_value_count(other):
    assert digest(other) != digest(ROWS)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.bool, torch.int64, torch.complex64])
def test_any_type_empty_and_scalar_tensors(dtype):
    ones = torch.ones(3, dtype=dtype)
    assert digest(ones) != digest(0 * ones if dtype != torch.bool else ~ones)
    assert digest(ones[:0]) != digest(ones[:0][:, None].expand(0, 2))
    assert digest(ones[0]) != digest(ones[:1])


def test_names_tell_equal_tensors_apart():
    one = hash_tensors([("a ", ROWS), ("b ", ROWS + 1)]).digest()
    assert one != hash_tensors([("b ", ROWS), ("a ", ROWS + 1)]).digest()
