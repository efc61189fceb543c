#ifndef COPENSSL_SHIM_H
#define COPENSSL_SHIM_H
// The deprecated SHA256_* functions are three to four times faster than EVP for one short message. DoormanCrypto/SHA256State.swift
// says when they will be replaced.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/sha.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#endif
