/* SPDX-License-Identifier: MIT */
/*
 * The error numbers of the guest interface. A hypercall that fails returns one of them negated.
 * The values are the ones of Linux on x86 and hold for every guest, whatever its own numbers are.
 *
 * Included plainly, this gives `enum xen_errno` with the names XEN_EPERM and so on. Included with
 * a macro XEN_ERRNO(name, value) defined, it expands that macro once for each number and then
 * undefines it; this may be done any number of times.
 */
#ifndef XEN_ERRNO
#ifndef XEN_PUBLIC_ERRNO_H
#define XEN_PUBLIC_ERRNO_H
#define XEN_ERRNO(name, value) XEN_##name = value,
#define XEN_ERRNO_IS_ENUM
enum xen_errno {
#endif
#endif

#ifdef XEN_ERRNO
    /* clang-format off */
XEN_ERRNO(EPERM,          1) /* not allowed for this domain */
XEN_ERRNO(ENOENT,         2) /* no such entry */
XEN_ERRNO(ESRCH,          3) /* no such domain */
XEN_ERRNO(EIO,            5) /* input or output failed */
XEN_ERRNO(ENXIO,          6) /* no such device or address */
XEN_ERRNO(E2BIG,          7) /* more than can be handled in one call */
XEN_ERRNO(ENOEXEC,        8) /* not an image that can be run */
XEN_ERRNO(EBADF,          9) /* bad handle */
XEN_ERRNO(ECHILD,        10)
XEN_ERRNO(EAGAIN,        11) /* not now; the same call may work later */
XEN_ERRNO(EWOULDBLOCK,   11)
XEN_ERRNO(ENOMEM,        12) /* no memory, here or within the domain's limit */
XEN_ERRNO(EACCES,        13) /* refused; also: wrong version of a control interface */
XEN_ERRNO(EFAULT,        14) /* a guest handle leads nowhere */
XEN_ERRNO(EBUSY,         16) /* in use, or in a state that forbids it */
XEN_ERRNO(EEXIST,        17) /* already there */
XEN_ERRNO(EXDEV,         18)
XEN_ERRNO(ENODEV,        19) /* no such device */
XEN_ERRNO(ENOTDIR,       20)
XEN_ERRNO(EISDIR,        21)
XEN_ERRNO(EINVAL,        22) /* an argument is wrong */
XEN_ERRNO(ENFILE,        23)
XEN_ERRNO(EMFILE,        24)
XEN_ERRNO(ENOSPC,        28) /* all ports, entries or slots are taken */
XEN_ERRNO(EROFS,         30)
XEN_ERRNO(EMLINK,        31)
XEN_ERRNO(EDOM,          33) /* out of the function's domain */
XEN_ERRNO(ERANGE,        34) /* out of range */
XEN_ERRNO(EDEADLK,       35)
XEN_ERRNO(EDEADLOCK,     35)
XEN_ERRNO(ENAMETOOLONG,  36)
XEN_ERRNO(ENOLCK,        37)
XEN_ERRNO(ENOSYS,        38) /* no such hypercall or sub-operation */
XEN_ERRNO(ENOTEMPTY,     39)
XEN_ERRNO(ENODATA,       61) /* there is nothing to return */
XEN_ERRNO(ETIME,         62) /* the moment has passed already */
XEN_ERRNO(EBADMSG,       74)
XEN_ERRNO(EOVERFLOW,     75) /* a number does not fit */
XEN_ERRNO(EILSEQ,        84) /* malformed sequence */
XEN_ERRNO(ENOTSOCK,      88)
XEN_ERRNO(EMSGSIZE,      90)
XEN_ERRNO(EOPNOTSUPP,    95) /* known, but not supported here */
XEN_ERRNO(EADDRINUSE,    98)
XEN_ERRNO(EADDRNOTAVAIL, 99)
XEN_ERRNO(ENOBUFS,      105) /* the buffer given is too small */
XEN_ERRNO(EISCONN,      106) /* connected already */
XEN_ERRNO(ENOTCONN,     107) /* not connected */
XEN_ERRNO(ETIMEDOUT,    110)
XEN_ERRNO(ECONNREFUSED, 111)
/* clang-format on */
#undef XEN_ERRNO
#endif

#ifdef XEN_ERRNO_IS_ENUM
#undef XEN_ERRNO_IS_ENUM
};
#endif
