#ifndef CPROCESS_SHIM_H
#define CPROCESS_SHIM_H
// Calls prctl(2), whose variable arguments Swift cannot pass, and fork(2), which Swift does not import.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#include <sys/xattr.h>

// Allows (1) or prevents (0) core dumps of this process, and reads of its memory by other processes of its user.
static inline int set_dumpable(unsigned long is_dumpable) { return prctl(PR_SET_DUMPABLE, is_dumpable, 0UL, 0UL, 0UL); }

// Returns whether core dumps are allowed.
static inline int get_dumpable(void) { return prctl(PR_GET_DUMPABLE, 0UL, 0UL, 0UL, 0UL); }
#else
static inline int set_dumpable(unsigned long is_dumpable) { (void)is_dumpable; return 0; }
static inline int get_dumpable(void) { return 1; }
#endif

// Starts a program in a process group of its own, without input, and with its output and errors in one file. On Linux the kernel kills it
// when the calling thread ends, so the thread must live as long as the program. Returns its id, or -1 and sets errno.
//
// Between fork and execve, a child of a process with threads may only call functions that signal-safety(7) allows.
static inline pid_t start_bound_program(const char *path, char *const *arguments, char *const *environment, int output) {
    pid_t parent = getpid();
    pid_t child = fork();
    if (child != 0) return child;
    sigset_t none;
    sigemptyset(&none);
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0UL, 0UL, 0UL);
#endif
    // The parent may have ended before the call above.
    if (getppid() != parent) _exit(127);
    setpgid(0, 0);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int input = open("/dev/null", O_RDONLY);
    if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0) _exit(127);
    if (input > 2) close(input);
    execve(path, arguments, environment);
    _exit(127);
}

// Returns the exit code of a child, the negative number of the signal that ended it, or 256 while it runs. Waits for its end unless
// `returns_at_once` is 1. The child stays a zombie, so that no other process gets its id while this process may send it a signal.
static inline int child_status(pid_t child, int returns_at_once) {
    siginfo_t info;
    info.si_pid = 0;
    while (waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | (returns_at_once ? WNOHANG : 0)) != 0) {
        if (errno != EINTR) return 127;
    }
    if (info.si_pid == 0) return 256;
    return info.si_code == CLD_EXITED ? info.si_status : -info.si_status;
}
#endif
