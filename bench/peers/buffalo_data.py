"""Pairs as a database of buffalo, as its reader of Matrix Market files makes it."""
import contextlib
import os
import tempfile

import h5py
import numpy as np
from buffalo import MatrixMarketOptions


@contextlib.contextmanager
def buffalo_data(pairs):
    """The options that open the database of (users x items) `pairs`, which is there until the end."""
    with tempfile.TemporaryDirectory() as work:
        data = MatrixMarketOptions().get_default_option()
        data.data.path = os.path.join(work, "pairs.h5py")
        data.data.tmp_dir = work
        data.data.use_cache = True
        data.data.validation = {}
        # Enough for all pairs at once.
        data.data.batch_mb = max(64, 40 * pairs.nnz >> 20)
        # It must be there, and is not read.
        data.input.main = os.path.join(work, "pairs.mtx")
        open(data.input.main, "w").close()
        users, items = pairs.shape
        with h5py.File(data.data.path, "w") as file:
            for name, rows in ("rowwise", pairs.tocsr()), ("colwise", pairs.T.tocsr()):
                group = file.create_group(name)
                group["key"] = rows.indices.astype(np.int32)
                group["val"] = rows.data.astype(np.float32)
                # Where rows end.
                group["indptr"] = rows.indptr[1:].astype(np.int64)
            ids = file.create_group("idmap")
            for name in "rows", "cols":
                ids.create_dataset(name, (0,), dtype=h5py.string_dtype("utf-8", length=8))
            file.attrs.update(num_users=users, num_items=items, num_nnz=pairs.nnz, completed=1)
        yield data
