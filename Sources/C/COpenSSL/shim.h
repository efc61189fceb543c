#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H
// The deprecated SHA256_* functions are three to four times faster than EVP for one short message. DoormanCrypto/SHA256State.swift
// says when they will be replaced.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#endif
