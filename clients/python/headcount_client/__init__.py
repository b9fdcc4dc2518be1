from .admin import Admin, RefusedError
from .checks import Headcount
from .connection import NoAnswerError
from .leases import LeasedKey
from .models import (
    Account,
    AccountFacts,
    Call,
    Client,
    LeaseReport,
    Organisation,
    Outcome,
    Payment,
    Request,
    Settled,
    Signup,
    Verdict,
)

__all__ = [
    "Account",
    "AccountFacts",
    "Admin",
    "Call",
    "Client",
    "Headcount",
    "LeaseReport",
    "LeasedKey",
    "NoAnswerError",
    "Organisation",
    "Outcome",
    "Payment",
    "RefusedError",
    "Request",
    "Settled",
    "Signup",
    "Verdict",
]
