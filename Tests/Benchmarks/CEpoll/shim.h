// epoll(7), which Swift's Glibc module lacks.
#include <sys/epoll.h>
