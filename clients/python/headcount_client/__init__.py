from .admin import Admin, RefusedError
from .checks import Headcount
from .connection import NoAnswerError
from .gate import Gate, Passed
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
    "Gate",
    "Headcount",
    "LeaseReport",
    "LeasedKey",
    "NoAnswerError",
    "Organisation",
    "Outcome",
    "Passed",
    "Payment",
    "RefusedError",
    "Request",
    "Settled",
    "Signup",
    "Verdict",
]
