"""The numbers of the preset."""

from __future__ import annotations

from dataclasses import dataclass

from fastbp.checks import check_int


@dataclass(frozen=True)
class Recipe:
    """How a member is made and trained. Every part can be changed, or left out.

    Parameters
    ----------
    hidden : tuple of int
        Hidden layers.
    activation : str
    init : str
    epochs : int
        The schedule runs out after so many.
    least_steps : int
        Minibatches of a training; a small table has more epochs.
    batch_size : int, optional
        Default: 32 below 1,500 rows, 64 below 10,000, 128 below 50,000, else 256.
    learning_rate : float
    cycles : int
        Of the cosine-log schedule; 0 for a half cosine.
    weight_decay : float
    beta_2 : float
        Of AdamW.
    dropout : float
    best_epoch : bool
        Each member's best epoch kept rather than its last one.
    calibrated : bool
        Probabilities of classes calibrated by a temperature.
    """

    hidden: tuple[int, ...] = (128, 128)
    activation: str = "mish"
    init: str = "lecun_normal"
    epochs: int = 40
    least_steps: int = 400
    batch_size: int | None = None
    learning_rate: float = 0.005
    cycles: int = 4
    weight_decay: float = 0.02
    beta_2: float = 0.95
    dropout: float = 0.1
    best_epoch: bool = True
    calibrated: bool = True

    def __post_init__(self) -> None:
        check_int(self.epochs, "epochs", low=1)
        if self.batch_size is not None:
            check_int(self.batch_size, "batch_size", low=1)
        check_int(self.least_steps, "least_steps", low=0)
        check_int(self.cycles, "cycles", low=0)

    def batch_of(self, n_rows: int) -> int:
        """Rows of a minibatch, of so many to train on."""
        if self.batch_size is not None:
            return min(self.batch_size, n_rows)
        usual = next((size for limit, size in ((1500, 32), (10_000, 64), (50_000, 128)) if n_rows < limit), 256)
        return min(usual, n_rows)
