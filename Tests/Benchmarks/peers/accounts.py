"""The accounts and tokens that every server is asked about: the same ones in each run."""

import json
import random
import string
from pathlib import Path

APPLICATION_ID = "5432154321543210"
APP_SECRET = "0123456789abcdef0123456789abcdef"
COUNT = 100_000
# How many of them are asked for: fewer than there are, so that the others have to be stored and told apart all the same.
ASKED = 10_000
TOKEN_BYTES = 180
# Of a packed Identity, beside the account's own id. A wrong number would fail every answer.
IDENTITY_BYTES_BESIDE_ID = 80


class Accounts:
    def __init__(self, folder, account_id_digits=16):
        """Writes the file of tokens, and keeps what is needed for the emulator's.

        The number of digits, at most 20, is how the identity gets the size that is wanted.
        """
        self.identity_bytes = IDENTITY_BYTES_BESIDE_ID + account_id_digits
        self.tokens_file = Path(folder) / "tokens"
        self._seed_file = Path(folder) / "seed.json"
        self._id_base = 10 ** (account_id_digits - 1)
        letters = string.ascii_letters + string.digits
        chance = random.Random(1)
        self.tokens = ["EMAW" + "".join(chance.choices(letters, k=TOKEN_BYTES - 4)) for _ in range(COUNT)]
        self.tokens_file.write_text("".join(token + "\n" for token in self.tokens))

    def seed_file(self):
        """The file that account-kit-emulator reads."""
        accounts = [
            {"id": str(self._id_base + number), "phone": f"+1555{number:07}", "country_prefix": "1", "tokens": [token]}
            for number, token in enumerate(self.tokens)
        ]
        app = {"id": APPLICATION_ID, "secret": APP_SECRET, "accounts": accounts}
        self._seed_file.write_text(json.dumps({"apps": [app]}))
        return self._seed_file
