"""The accounts and tokens of every server, the same in each run."""

import json
import random
import string
from pathlib import Path

APPLICATION_ID = "5432154321543210"
APP_SECRET = "0123456789abcdef0123456789abcdef"
COUNT = 100_000
# Number of tokens that are looked up: fewer than COUNT, so that the other entries have to be stored and told apart, too.
USED = 10_000
TOKEN_BYTES = 180
# Bytes of an encoded Identity without the account's id. A wrong number would fail every response.
IDENTITY_BYTES_BESIDE_ID = 80


class Accounts:
    def __init__(self, folder, account_id_digits=16):
        """Writes the file of tokens and keeps the data of the emulator's seed file.

        The number of digits, at most 20, sets the size of the identity.
        """
        self.identity_bytes = IDENTITY_BYTES_BESIDE_ID + account_id_digits
        self.tokens_file = Path(folder) / "tokens"
        self._seed_file = Path(folder) / "seed.json"
        self._id_base = 10 ** (account_id_digits - 1)
        letters = string.ascii_letters + string.digits
        rng = random.Random(1)
        self.tokens = ["EMAW" + "".join(rng.choices(letters, k=TOKEN_BYTES - 4)) for _ in range(COUNT)]
        self.tokens_file.write_text("".join(token + "\n" for token in self.tokens))

    def account_id(self, number):
        return str(self._id_base + number)

    def phone(self, number):
        return f"+1555{number:07}"

    def seed_file(self):
        """Writes and returns the seed file of account-kit-emulator."""
        accounts = [
            {"id": self.account_id(number), "phone": self.phone(number), "country_prefix": "1", "tokens": [token]}
            for number, token in enumerate(self.tokens)
        ]
        app = {"id": APPLICATION_ID, "secret": APP_SECRET, "accounts": accounts}
        self._seed_file.write_text(json.dumps({"apps": [app]}))
        return self._seed_file
