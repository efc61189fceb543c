#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H
// SHA256_Init and its kind are three to four times faster than EVP for one short message. DoormanCrypto/SHA256State.swift has the plan to leave them.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#endif
