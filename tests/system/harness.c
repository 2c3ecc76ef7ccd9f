/* SPDX-License-Identifier: MIT */
/*
 * The serial-port harness. See harness.h for what it promises.
 *
 * QEMU's serial port is its standard input and output, two pipes here. All output is kept in one
 * growing buffer per machine; waiting for a text is reading until the buffer holds it beyond the
 * place where the last wait ended. Each byte is searched once for fatal texts.
 */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_MACHINES    4
#define MAX_ARGUMENTS   64
#define TIMEOUT_SECONDS 150.0
#define TAIL_LINES      50
/*
 * After a fatal text: how long the machine may be silent before its last words count as complete.
 */
#define LAST_WORDS_MS 400

struct machine {
    pid_t pid; /* 0: the slot is free */
    int input; /* what we type */
    int output;
    FILE *log;
    char *text;          /* all output, NUL-terminated */
    size_t length;       /* of text */
    size_t capacity;     /* of text */
    size_t next;         /* where the next wait begins to search */
    size_t fatal_next;   /* where the search for fatal texts continues */
    bool expect_fatal;   /* fatal texts are what this test wants */
    char *between;       /* see machine_between() */
    char log_path[4096]; /* of log */
};

static struct machine machines[MAX_MACHINES];

/* What a machine prints when the test can only be lost. */
static const char *const fatal_texts[] = {
    "Panic on CPU",        /* Debian's Xen */
    "Hardware Dom0 crash", /* Debian's Xen: dom0 crashed */
    "Domain 0 crashed",    /* Bulkhead */
    "(BH) PANIC on CPU",   /* Bulkhead */
    "Kernel panic - not",  /* Linux */
};

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static double timeout_seconds(void)
{
    const char *scale = getenv("BULKHEAD_TIMEOUT_SCALE");

    return TIMEOUT_SECONDS * (scale ? strtod(scale, NULL) : 1.0);
}

const char *build_path(const char *format, ...)
{
    const char *build = getenv("BUILD");
    char *name = NULL, *path = NULL;
    va_list arguments;

    va_start(arguments, format);
    assert_true(vasprintf(&name, format, arguments) >= 0);
    va_end(arguments);
    assert_true(asprintf(&path, "%s/%s", build ? build : "build", name) >= 0);
    free(name);
    return path;
}

void run_command(const char *format, ...)
{
    char *command = NULL;
    va_list arguments;
    int status;

    va_start(arguments, format);
    assert_true(vasprintf(&command, format, arguments) >= 0);
    va_end(arguments);
    /* The command is one of a test's own, made of paths below the build folder. */
    status = system(command); // NOLINT(cert-env33-c)
    if (status != 0) {
        fail_msg("failed with status %d: %s", status, command);
    }
    free(command);
}

/* ---- the machine's output ---- */

static void append(struct machine *machine, const char *bytes, size_t count)
{
    if (machine->length + count + 1 > machine->capacity) {
        machine->capacity = (machine->length + count + 1) * 2;
        machine->text = realloc(machine->text, machine->capacity);
        assert_non_null(machine->text);
    }
    for (size_t i = 0; i < count; i++) {
        /* NUL and CR would only get in the way of searching. */
        if (bytes[i] != '\r' && bytes[i] != '\0') {
            machine->text[machine->length++] = bytes[i];
        }
    }
    machine->text[machine->length] = '\0';
}

/*
 * Waits at most WAIT_MS for output. Returns 1 when some came, 0 when none came in time, -1 when
 * QEMU has closed its end.
 */
static int read_output(struct machine *machine, int wait_ms)
{
    struct pollfd poll_output = {.fd = machine->output, .events = POLLIN};
    char bytes[4096];
    size_t before = machine->length;
    ssize_t count;

    if (poll(&poll_output, 1, wait_ms) <= 0) {
        return 0;
    }
    count = read(machine->output, bytes, sizeof(bytes));
    if (count <= 0) {
        return count < 0 && errno == EINTR ? 0 : -1;
    }
    append(machine, bytes, (size_t)count);
    fwrite(machine->text + before, 1, machine->length - before, machine->log);
    fflush(machine->log);
    return 1;
}

static const char *find_fatal(struct machine *machine)
{
    size_t longest = 0;

    if (machine->expect_fatal) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(fatal_texts) / sizeof(fatal_texts[0]); i++) {
        size_t length = strlen(fatal_texts[i]);

        if (strstr(machine->text + machine->fatal_next, fatal_texts[i])) {
            return fatal_texts[i];
        }
        longest = length > longest ? length : longest;
    }
    /* A text may be cut in two by where this read ended. */
    machine->fatal_next = machine->length > longest ? machine->length - longest : 0;
    return NULL;
}

const char *machine_text(const struct machine *machine)
{
    return machine->text;
}

const char *machine_between(const struct machine *machine)
{
    return machine->between ? machine->between : "";
}

static void print_tail(const struct machine *machine)
{
    const char *tail = machine->text + machine->length;
    int lines = 0;

    while (tail > machine->text && lines <= TAIL_LINES) {
        tail--;
        lines += *tail == '\n';
    }
    print_error("---- the end of %s ----\n", machine->log_path);
    /* cmocka's print_error() has a bounded buffer. */
    fprintf(stderr, "%s\n---- end ----\n", tail);
}

void machine_fail_at(struct machine *machine, const char *file, int line, const char *format, ...)
{
    char reason[4096];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    while (read_output(machine, LAST_WORDS_MS) > 0) {
    }
    print_tail(machine);
    print_error("%s\n", reason);
    _fail(file, line);
    abort(); /* _fail() does not return, but is not declared so */
}

/* Copies what lies between the last match and the one at START, and moves behind the new one. */
static void take_match(struct machine *machine, size_t start, size_t length)
{
    free(machine->between);
    machine->between = strndup(machine->text + machine->next, start - machine->next);
    machine->next = start + length;
}

/* The first of TEXTS in what was not matched yet: takes it and returns its index, or -1. */
static int find_first(struct machine *machine, const char *const *texts)
{
    const char *first = NULL;
    int index = -1;

    for (int i = 0; texts[i]; i++) {
        const char *found = strstr(machine->text + machine->next, texts[i]);

        if (found && (!first || found < first)) {
            first = found;
            index = i;
        }
    }
    if (first) {
        take_match(machine, (size_t)(first - machine->text), strlen(texts[index]));
    }
    return index;
}

int machine_expect_any_at(struct machine *machine, const char *const *texts, const char *file,
                          int line)
{
    double deadline = now() + timeout_seconds();
    bool ended = false;

    for (;;) {
        const char *fatal = find_fatal(machine);
        int index;

        if (fatal) {
            machine_fail_at(machine, file, line, "\"%s\" while waiting for \"%s\"", fatal,
                            texts[0]);
        }
        index = find_first(machine, texts);
        if (index >= 0) {
            return index;
        }
        if (ended) {
            machine_fail_at(machine, file, line, "QEMU ended while waiting for \"%s\"", texts[0]);
        }
        if (now() > deadline) {
            machine_fail_at(machine, file, line, "time-out while waiting for \"%s\"", texts[0]);
        }
        ended = read_output(machine, 1000) < 0;
    }
}

/* ---- what we type ---- */

void machine_send(struct machine *machine, const char *bytes)
{
    size_t left = strlen(bytes);

    while (left > 0) {
        ssize_t count = write(machine->input, bytes, left);

        if (count < 0 && errno != EINTR) {
            machine_fail(machine, "QEMU takes no input: %s", strerror(errno));
        }
        if (count > 0) {
            bytes += count;
            left -= (size_t)count;
        }
    }
}

void machine_type(struct machine *machine, const char *format, ...)
{
    char line[1024];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof(line) - 1, format, arguments);
    va_end(arguments);
    strcat(line, "\r");
    machine_send(machine, line);
}

/* ---- the screen and the keyboard, by QEMU's monitor ---- */

#define MONITOR_PROMPT "(qemu) "

/* The prompt that follows the echo of the line that was typed last. */
static void expect_monitor(struct machine *machine)
{
    machine_expect(machine, "\n");
    machine_expect(machine, MONITOR_PROMPT);
}

#define SCREEN_ROWS    25
#define SCREEN_COLUMNS 80

const char *machine_screen(struct machine *machine)
{
    static char text[SCREEN_ROWS * (SCREEN_COLUMNS + 1) + 1];
    const char *path = build_path("logs/screen");
    char *to = text;
    FILE *file;

    machine_type(machine, "pmemsave 0xb8000 %d \"%s\"", 2 * SCREEN_ROWS * SCREEN_COLUMNS, path);
    expect_monitor(machine);
    file = fopen(path, "rbe");
    assert_non_null(file);
    for (int i = 0; i < SCREEN_ROWS * SCREEN_COLUMNS; i++) {
        *to++ = (char)fgetc(file);
        fgetc(file); /* its colour */
        if (i % SCREEN_COLUMNS == SCREEN_COLUMNS - 1) {
            *to++ = '\n';
        }
    }
    fclose(file);
    for (char *c = text; c < to; c++) {
        *c = *c ? *c : ' ';
    }
    *to = '\0';
    return text;
}

void machine_expect_screen(struct machine *machine, const char *text)
{
    double deadline = now() + timeout_seconds();
    const char *screen;

    while (!strstr(screen = machine_screen(machine), text)) {
        if (now() > deadline) {
            machine_fail(machine, "time-out while waiting for \"%s\" on this screen:\n%s", text,
                         screen);
        }
        usleep(200000);
    }
}

void machine_press(struct machine *machine, const char *const *keys)
{
    for (; *keys; keys++) {
        machine_type(machine, "sendkey %s 20", *keys);
        expect_monitor(machine);
        usleep(50000); /* it is released after 20 ms */
    }
}

/* ---- QEMU's life ---- */

static int add_arguments(const char **list, int count, ...)
{
    const char *argument;
    va_list arguments;

    va_start(arguments, count);
    while ((argument = va_arg(arguments, const char *))) {
        assert_true(count < MAX_ARGUMENTS - 1);
        list[count++] = argument;
    }
    va_end(arguments);
    list[count] = NULL;
    return count;
}

/* Runs in the child: never returns. */
static void exec_qemu(const struct machine_options *options, int input, int output, int log)
{
    const char *list[MAX_ARGUMENTS];
    const char *qemu = getenv("QEMU") ? getenv("QEMU") : "qemu-system-x86_64";
    const char *cpus = getenv("BULKHEAD_CPUS");
    char memory[32];
    int count = 0;

    /* No QEMU may outlive its test, however the test ends. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(input, STDIN_FILENO);
    dup2(output, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);

    snprintf(memory, sizeof(memory), "%u", options->memory_mib ? options->memory_mib : 512);
    count = add_arguments(list, count, qemu, "-M", options->type ? options->type : "q35", "-m",
                          memory, "-smp", cpus ? cpus : "1", "-nic", "none", "-display", "none",
                          "-no-reboot", "-chardev", "stdio,id=serial,signal=off", "-serial",
                          options->monitor ? "none" : "chardev:serial", "-monitor",
                          options->monitor ? "chardev:serial" : "none", NULL);
    if (options->cpu) {
        count = add_arguments(list, count, "-cpu", options->cpu, NULL);
    }
    if (options->iso) {
        count = add_arguments(list, count, "-cdrom", options->iso, "-boot", "d", NULL);
    }
    if (options->kernel) {
        count = add_arguments(list, count, "-kernel", options->kernel, NULL);
    }
    if (options->cmdline) {
        count = add_arguments(list, count, "-append", options->cmdline, NULL);
    }
    if (options->modules) {
        count = add_arguments(list, count, "-initrd", options->modules, NULL);
    }
    for (const char *const *extra = options->extra; extra && *extra; extra++) {
        count = add_arguments(list, count, *extra, NULL);
    }
    execvp(qemu, (char *const *)list);
    dprintf(STDERR_FILENO, "cannot start %s: %s\n", qemu, strerror(errno));
    _exit(127);
}

/* The options that Bochs needs: its serial port is our pipe, as file descriptor 3. */
static const char bochs_options[] = "romimage: file=/usr/share/bochs/BIOS-bochs-latest\n"
                                    "vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest\n"
                                    "vga: extension=none\n"
                                    "display_library: term\n"
                                    "boot: cdrom\n"
                                    "com1: enabled=1, mode=file, dev=/dev/fd/3\n"
                                    "clock: sync=none, time0=local\n"
                                    "panic: action=fatal\n";

static void write_bochs_files(const struct machine_options *options)
{
    const char *cpus = getenv("BULKHEAD_CPUS");
    FILE *file = fopen(build_path("logs/%s.bochsrc", options->name), "we");

    assert_non_null(file);
    fprintf(file,
            "%scpu: model=corei7_haswell_4770, count=%s, ips=100000000, reset_on_triple_fault=0\n"
            "megs: %u\nata0-master: type=cdrom, path=%s, status=inserted\nlog: %s\n",
            bochs_options, cpus ? cpus : "1", options->memory_mib ? options->memory_mib : 512,
            options->iso, build_path("logs/%s.bochs", options->name));
    fclose(file);
    /* Debian's Bochs has its debugger built in and waits for the order to continue. */
    file = fopen(build_path("logs/%s.bochs-commands", options->name), "we");
    assert_non_null(file);
    fputs("c\n", file);
    fclose(file);
}

/* Runs in the child: never returns. */
static void exec_bochs(const struct machine_options *options, int input, int output)
{
    char command[2048];
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setenv("TERM", "xterm", 1);
    dup2(input, STDIN_FILENO);
    dup2(nowhere, STDOUT_FILENO);
    dup2(nowhere, STDERR_FILENO);
    dup2(output, 3);
    /* Its display wants a terminal, which script provides; when script is killed, so is Bochs. */
    snprintf(command, sizeof(command), "exec setpriv --pdeathsig KILL bochs -q -f %s -rc %s",
             build_path("logs/%s.bochsrc", options->name),
             build_path("logs/%s.bochs-commands", options->name));
    execlp("script", "script", "-q", "-c", command, "/dev/null", NULL);
    dprintf(3, "cannot start bochs: %s\n", strerror(errno));
    _exit(127);
}

void machine_fire_timers_first(const struct machine *machine)
{
    run_command("chrt --fifo --pid 1 %d", (int)machine->pid);
}

const char *read_whole_file(const char *path)
{
    static char text[65536];
    FILE *file = fopen(path, "re");

    assert_non_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void open_log(struct machine *machine, const char *name)
{
    const char *folder = build_path("logs");

    mkdir(folder, 0777);
    snprintf(machine->log_path, sizeof(machine->log_path), "%s/%s.log", folder, name);
    machine->log = fopen(machine->log_path, "we");
    if (!machine->log) {
        fail_msg("cannot write %s: %s", machine->log_path, strerror(errno));
    }
}

struct machine *machine_start(const struct machine_options *options)
{
    struct machine *machine = machines;
    int input[2], output[2];

    while (machine < machines + MAX_MACHINES && machine->pid) {
        machine++;
    }
    assert_true(machine < machines + MAX_MACHINES);
    memset(machine, 0, sizeof(*machine));
    machine->expect_fatal = options->expect_fatal;
    append(machine, "", 0);
    open_log(machine, options->name);

    assert_int_equal(pipe2(input, O_CLOEXEC), 0);
    assert_int_equal(pipe2(output, O_CLOEXEC), 0);
    signal(SIGPIPE, SIG_IGN);
    if (options->bochs) {
        write_bochs_files(options);
    }
    machine->pid = fork();
    assert_true(machine->pid >= 0);
    if (machine->pid == 0) {
        if (options->bochs) {
            exec_bochs(options, input[0], output[1]);
        }
        /* QEMU's own complaints belong into the same stream: a test that waits sees them. */
        exec_qemu(options, input[0], output[1], output[1]);
    }
    close(input[0]);
    close(output[1]);
    machine->input = input[1];
    machine->output = output[0];
    return machine;
}

/* Takes back all that a machine holds; QEMU has ended or is about to be killed. */
static int release(struct machine *machine)
{
    int status = 0;

    while (waitpid(machine->pid, &status, 0) < 0 && errno == EINTR) {
    }
    close(machine->input);
    close(machine->output);
    fclose(machine->log);
    free(machine->text);
    free(machine->between);
    memset(machine, 0, sizeof(*machine));
    return status;
}

int machines_stop(void **state)
{
    for (struct machine *machine = machines; machine < machines + MAX_MACHINES; machine++) {
        if (machine->pid) {
            kill(machine->pid, SIGKILL);
            release(machine);
        }
    }
    return 0;
}

void machine_expect_exit_at(struct machine *machine, const char *file, int line)
{
    double deadline = now() + timeout_seconds();
    int status;

    while (read_output(machine, 1000) >= 0) {
        const char *fatal = find_fatal(machine);

        if (fatal) {
            machine_fail_at(machine, file, line, "\"%s\" while waiting for QEMU's end", fatal);
        }
        if (now() > deadline) {
            machine_fail_at(machine, file, line, "time-out while waiting for QEMU's end");
        }
    }
    status = release(machine);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        print_error("QEMU ended with status 0x%x\n", (unsigned int)status);
        _fail(file, line);
    }
}

static void monitor_say(FILE *monitor, const char *line)
{
    char answer[1024];

    fprintf(monitor, "%s\n", line);
    fflush(monitor);
    do {
        assert_non_null(fgets(answer, sizeof(answer), monitor));
        assert_null(strstr(answer, "\"error\""));
    } while (!strstr(answer, "\"return\""));
}

void monitor_execute(const char *socket_path, const char *command)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int connection = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    FILE *monitor;

    assert_true(connection >= 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s", socket_path);
    assert_int_equal(connect(connection, (struct sockaddr *)&address, sizeof(address)), 0);
    monitor = fdopen(connection, "r+");
    assert_non_null(monitor);
    monitor_say(monitor, "{\"execute\":\"qmp_capabilities\"}");
    monitor_say(monitor, command);
    fclose(monitor);
}
