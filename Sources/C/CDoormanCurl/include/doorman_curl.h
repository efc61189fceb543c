// Typed shims for libcurl's variadic functions, one for each C type of argument. Swift can't call variadic functions, and an
// `int` in place of a `long` would be silent undefined behaviour.
#ifndef DOORMAN_CURL_H
#define DOORMAN_CURL_H

#include <curl/curl.h>
#include <stdbool.h>

typedef size_t (*doorman_curl_data_function)(char *bytes, size_t size, size_t count, void *context);
typedef int (*doorman_curl_prereq_function)(
    void *context, char *primary_ip, char *local_ip, int primary_port, int local_port);

CURLcode doorman_curl_easy_setopt_long(CURL *easy, CURLoption option, long value);
CURLcode doorman_curl_easy_setopt_off_t(CURL *easy, CURLoption option, curl_off_t value);
// libcurl copies the string. NULL removes the default.
CURLcode doorman_curl_easy_setopt_string(CURL *easy, CURLoption option, const char *value);
CURLcode doorman_curl_easy_setopt_pointer(CURL *easy, CURLoption option, void *value);
// libcurl copies the bytes.
CURLcode doorman_curl_easy_setopt_blob(CURL *easy, CURLoption option, const void *bytes, size_t count);
// For CURLOPT_WRITEFUNCTION and CURLOPT_HEADERFUNCTION.
CURLcode doorman_curl_easy_setopt_data_function(CURL *easy, CURLoption option, doorman_curl_data_function function);
CURLcode doorman_curl_easy_setopt_prereq_function(CURL *easy, doorman_curl_prereq_function function);

CURLcode doorman_curl_easy_getinfo_long(CURL *easy, CURLINFO info, long *value);

CURLMcode doorman_curl_multi_setopt_long(CURLM *multi, CURLMoption option, long value);

// Returns the next transfer that has ended; false if there are no more. Copies the fields out of the result of
// curl_multi_info_read(), which contains a union and is valid only until the next call.
bool doorman_curl_multi_next_ended(CURLM *multi, CURL **easy, CURLcode *result);

#endif
