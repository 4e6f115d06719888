"""Features of films from their titles, genres and years."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from sea_pyg.utils import require

GENRES = (
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
    "unknown",
)
DECADES = tuple(range(1920, 2001, 10))


def title_features(titles: Sequence[str], channels: int = 64) -> Tensor:
    """Embed titles by TF-IDF of words and character n-grams and a truncated SVD.

    Rows have length 1 (or 0, if a title shares nothing with any other).

    Args:
        titles: One per item.
        channels: Width; less if there are fewer titles, and always even.
            (default: :obj:`64`)

    Shapes:
        Returns :math:`[N, channels]`.

    Raises:
        ImportError: If scikit-learn is not installed.
    """
    require("sklearn", "train")
    decomposition = require("sklearn.decomposition", "train")
    pipeline = require("sklearn.pipeline", "train")
    text = require("sklearn.feature_extraction.text", "train")
    common = {"sublinear_tf": True, "min_df": 2, "strip_accents": "unicode"}
    vectorizer = pipeline.make_union(
        text.TfidfVectorizer(ngram_range=(1, 2), **common),
        text.TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), **common),
    )
    tfidf = vectorizer.fit_transform(titles)
    channels = min(channels, *tfidf.shape) // 2 * 2
    svd = decomposition.TruncatedSVD(channels, random_state=0)
    x = torch.from_numpy(svd.fit_transform(tfidf)).float()
    return torch.nn.functional.normalize(x, dim=-1)


def genre_features(genres: Sequence[str], years: Sequence[str]) -> Tensor:
    """Encode genres as a multi-hot vector and the year by soft decades.

    Args:
        genres: Names from :data:`GENRES`, separated by spaces, per item.
        years: Year of release per item; zeros where it is not a number.

    Shapes:
        Returns :math:`[N, 28]`: 19 genres, then 9 bumps of width 5 years.

    Raises:
        ValueError: If a genre is unknown.
    """
    column = {genre: number for number, genre in enumerate(GENRES)}
    x = np.zeros((len(genres), len(GENRES) + len(DECADES)), dtype=np.float32)
    for row, (names, year) in enumerate(zip(genres, years, strict=True)):
        for name in names.split():
            if name not in column:
                raise ValueError(f"unknown genre {name!r} of item {row}")
            x[row, column[name]] = 1.0
        if year.isdigit():
            distance = (int(year) - np.array(DECADES)) / 5
            x[row, len(GENRES) :] = np.exp(-(distance**2) / 2)
    return torch.from_numpy(x)
