"""Files of factors and interactions, opened and written by the libraries that they are for: `formats.py read|write DIR`, one JSON line a check.

read: what `export-factors` wrote to DIR/{npy,safetensors,parquet,faiss,fbin}, and `recommend --all` to DIR/lists; each gives the ten best items of every
user by inner product, which are to be those of DIR/expected.json.
write: a random matrix of counts by scipy in every format, models of implicit trained on it, with their lists, and, where pyspark is there, an ALSModel.
"""
import json, os, sys
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
import numpy as np

limit = 10


def check(name, lists):
    print(json.dumps({"name": name, "lists": lists}), flush=True)


def best(users, items, ids):
    scores = users.astype(np.float64) @ items.astype(np.float64).T
    return [[ids[i] for i in np.argsort(-row, kind="stable")[:limit]] for row in scores]


def read(place):
    import faiss, pyarrow.parquet as pq, usearch.io
    from safetensors.numpy import load_file
    from usearch.index import search, MetricKind
    ids = [int(line) for line in open(f"{place}/npy/item-ids.txt")]
    users, items = np.load(f"{place}/npy/users.npy"), np.load(f"{place}/npy/items.npy")
    check("npy", best(users, items, ids))
    tensors = load_file(f"{place}/safetensors/factors.safetensors")
    check("safetensors", best(tensors["users"], tensors["items"], tensors["item_ids"].tolist()))
    sides = [pq.read_table(f"{place}/parquet/{side}.parquet") for side in ("users", "items")]
    vectors = [np.stack(side["vector"].to_numpy()) for side in sides]
    check("parquet", best(*vectors, sides[1]["id"].to_pylist()))
    index = faiss.read_index(f"{place}/faiss/items.faiss")
    check("faiss", index.search(np.load(f"{place}/faiss/users.npy"), limit)[1].tolist())
    users, items = usearch.io.load_matrix(f"{place}/fbin/users.fbin"), usearch.io.load_matrix(f"{place}/fbin/items.fbin")
    found = search(items, users, limit, MetricKind.IP, exact=True)
    check("fbin by usearch", [[ids[key] for key in row] for row in np.asarray(found.keys).tolist()])
    parts = [f"{place}/lists/{name}" for name in sorted(os.listdir(f"{place}/lists")) if name.endswith(".parquet")]
    table = pq.ParquetDataset(parts).read()
    lists = {}
    for user, item in zip(table["user"].to_pylist(), table["item"].to_pylist()):
        lists.setdefault(user, []).append(item)
    check("recommend --all", [lists[int(line)] for line in open(f"{place}/npy/user-ids.txt")])


def write(place):
    import scipy.io, scipy.sparse as sp
    from implicit.als import AlternatingLeastSquares
    from implicit.bpr import BayesianPersonalizedRanking
    from implicit.lmf import LogisticMatrixFactorization
    rng = np.random.default_rng(7)
    counts = sp.random(300, 120, density=0.08, format="csr", random_state=rng, dtype=np.float32)
    counts.data = np.ceil(counts.data * 5).astype(np.float32)
    for name, matrix in {"csr": counts, "csc": counts.tocsc(), "coo": counts.tocoo(), "array": sp.coo_array(counts)}.items():
        sp.save_npz(f"{place}/{name}.npz", matrix)
    sp.save_npz(f"{place}/stored.npz", counts, compressed=False)
    scipy.io.mmwrite(f"{place}/real.mtx", counts, comment="by scipy")
    scipy.io.mmwrite(f"{place}/integer.mtx", counts.astype(np.int64))
    scipy.io.mmwrite(f"{place}/pattern.mtx", counts, field="pattern")
    with open(f"{place}/adjacency.txt", "w") as file:
        for user in range(counts.shape[0]):
            file.write(" ".join(map(str, [user, *counts.indices[counts.indptr[user]:counts.indptr[user + 1]]])) + "\n")
    dense = counts.toarray()
    print(json.dumps({"name": "matrix", "pairs": [[int(u), int(i), float(dense[u, i])] for u, i in np.argwhere(dense)]}), flush=True)
    models = {
        "als": AlternatingLeastSquares(factors=16, regularization=0.05, alpha=3.0, iterations=5, use_gpu=False, random_state=1),
        "bpr": BayesianPersonalizedRanking(factors=15, iterations=20, use_gpu=False, random_state=1),
        "lmf": LogisticMatrixFactorization(factors=14, iterations=5, use_gpu=False, random_state=1),
    }
    everyone = np.arange(counts.shape[0])
    for name, model in models.items():
        model.fit(counts, show_progress=False)
        model.save(f"{place}/{name}.npz")
        check(f"{name}: trained", model.recommend(everyone, counts, N=limit, filter_already_liked_items=False)[0].tolist())
        check(f"{name}: without what users have", model.recommend(everyone, counts, N=limit)[0].tolist())
    folded = models["als"].recommend(everyone, counts, N=limit, filter_already_liked_items=False, recalculate_user=True)
    check("als: folded in", folded[0].tolist())
    if "--spark" in sys.argv:
        spark(place, counts)


def spark(place, counts):
    from pyspark.ml.recommendation import ALS
    from pyspark.sql import SparkSession
    session = (SparkSession.builder.master("local[2]").config("spark.driver.host", "localhost").config("spark.driver.bindAddress", "127.0.0.1")
               .config("spark.ui.enabled", "false").config("spark.ui.showConsoleProgress", "false").config("spark.sql.shuffle.partitions", "1").getOrCreate())
    entries = counts.tocoo()
    np.savetxt(f"{place}/spark.csv", np.c_[entries.row, entries.col, entries.data], fmt="%d", delimiter=",")
    data = session.read.csv(f"{place}/spark.csv", schema="user int, item int, rating float")
    model = ALS(rank=8, maxIter=3, implicitPrefs=True, userCol="user", itemCol="item", ratingCol="rating", seed=3).fit(data)
    model.write().save(f"{place}/spark")
    model.recommendForAllUsers(limit).coalesce(1).write.json(f"{place}/spark-lists")
    lists = {}
    for name in os.listdir(f"{place}/spark-lists"):
        if name.endswith(".json"):
            for line in open(f"{place}/spark-lists/{name}"):
                row = json.loads(line)
                lists[row["user"]] = [each["item"] for each in row["recommendations"]]
    check("spark: trained", [lists.get(user, []) for user in range(counts.shape[0])])
    session.stop()


{"read": read, "write": write}[sys.argv[1]](sys.argv[2])
