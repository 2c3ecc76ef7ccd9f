/* SPDX-License-Identifier: MIT */
/* The configuration syntax and the meaning of its keys: values, limits, and the exact messages. */
/* SOURCES: dom0-tools/error.c dom0-tools/config/config.c dom0-tools/config/guest_config.c */
/* SOURCES: dom0-tools/utf8.c dom0-tools/config/foreign_keys.c */
/* SOURCES: dom0-tools/config/device_list.c dom0-tools/config/parameters.c */
/* SOURCES: dom0-tools/config/cpu_list.c */
/* SOURCES: dom0-tools/config/disk_config.c dom0-tools/config/vif_config.c */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <tools/guest_config.h>
#include <tools/utf8.h>

#include "guest_text.h"

static void assert_syntax_error(const char *text, const char *expected)
{
    struct config c;
    struct error e;

    assert_int_equal(parse(&c, text, &e), -1);
    assert_string_equal(e.text, expected);
    config_free(&c);
}

static void test_values(void **state)
{
    struct config c;
    struct error e;
    const struct config_setting *s;

    assert_int_equal(parse(&c,
                           "# a comment\n"
                           "name = 'web' ; memory=512 # more\n"
                           "\n"
                           "extra = \"a 'b' \\\"c\\\" \\x41\\101\\n\"\r\n"
                           "disk = [ 'a', # first\n  \"b\",\n 3, [ ], ]\n"
                           "neg=-5\n"
                           "name = \"last\"",
                           &e),
                     0);
    s = config_find(&c, "name");
    assert_string_equal(s->value.text, "last");
    assert_int_equal(s->line, 9);
    assert_string_equal(config_find(&c, "memory")->value.text, "512");
    assert_int_equal(config_find(&c, "memory")->value.kind, CONFIG_NUMBER);
    assert_string_equal(config_find(&c, "extra")->value.text, "a 'b' \"c\" AA\n");
    assert_string_equal(config_find(&c, "neg")->value.text, "-5");
    s = config_find(&c, "disk");
    assert_int_equal(s->value.kind, CONFIG_LIST);
    assert_int_equal(s->value.count, 4);
    assert_string_equal(s->value.items[1].text, "b");
    assert_int_equal(s->value.items[2].kind, CONFIG_NUMBER);
    assert_int_equal(s->value.items[3].kind, CONFIG_LIST);
    assert_null(config_find(&c, "none"));
    config_free(&c);
}

static void test_append(void **state)
{
    struct config c;
    struct error e;

    assert_int_equal(parse(&c, "vif=['a','b']\nvif += ['c']\nx='1'\nx+='2'\ny += 'new'", &e), 0);
    assert_int_equal(config_find(&c, "vif")->value.count, 3);
    assert_string_equal(config_find(&c, "vif")->value.items[0].text, "a");
    assert_string_equal(config_find(&c, "vif")->value.items[2].text, "c");
    assert_string_equal(config_find(&c, "x")->value.text, "12");
    assert_string_equal(config_find(&c, "y")->value.text, "new");
    config_free(&c);
    assert_syntax_error("a=[1]\na+='x'", "f.cfg:2: += joins two lists or two strings only");
}

static void test_syntax_errors(void **state)
{
    assert_syntax_error("name", "f.cfg:1: expected = after 'name'");
    assert_syntax_error("\n\nname = ",
                        "f.cfg:3: expected a string in quotes, a number or a list in [ ]");
    assert_syntax_error("a = destroy",
                        "f.cfg:1: expected a string in quotes, a number or a list in [ ]");
    assert_syntax_error("a='x", "f.cfg:1: the string has no closing '");
    assert_syntax_error("a=\"x\n\"", "f.cfg:1: the string has no closing \"");
    assert_syntax_error("\na = [ 1,\n 2\n", "f.cfg:2: the list has no closing ]");
    assert_syntax_error("a = [ 1\n 2 ]",
                        "f.cfg:2: expected , or ] in the list that starts in line 1");
    assert_syntax_error("a = 1 b = 2",
                        "f.cfg:1: expected the end of the line or ; after the value of 'a'");
    assert_syntax_error("= 1", "f.cfg:1: expected `key = value`");
    assert_syntax_error("1 = 1", "f.cfg:1: expected `key = value`");
    assert_syntax_error("a=[[[[[[[[[1]]]]]]]]]", "f.cfg:1: lists are nested more than 8 deep");
    assert_syntax_error("a='\\q'",
                        "f.cfg:1: a string has an escape that is none of \\a \\b \\f \\n "
                        "\\r \\t \\v \\\\ \\' \\\" \\xHH \\OOO");
    assert_syntax_error("a='\\", "f.cfg:1: the string has no closing '");
    assert_syntax_error("a='\\x", "f.cfg:1: a string has an escape that is none of \\a \\b \\f \\n "
                                  "\\r \\t \\v \\\\ \\' \\\" \\xHH \\OOO");
}

static void test_arguments(void **state)
{
    struct config c;
    struct error e;

    config_init(&c);
    assert_int_equal(config_parse_argument(&c, "name=web server", &e), 0);
    assert_int_equal(config_parse_argument(&c, "memory=64", &e), 0);
    assert_int_equal(config_parse_argument(&c, "extra=", &e), 0);
    assert_int_equal(config_parse_argument(&c, "vif=['a','b']", &e), 0);
    assert_int_equal(config_parse_argument(&c, "kernel='/x'", &e), 0);
    assert_string_equal(config_find(&c, "name")->value.text, "web server");
    assert_int_equal(config_find(&c, "memory")->value.kind, CONFIG_NUMBER);
    assert_string_equal(config_find(&c, "extra")->value.text, "");
    assert_int_equal(config_find(&c, "vif")->value.count, 2);
    assert_string_equal(config_find(&c, "kernel")->value.text, "/x");
    assert_int_equal(config_parse_argument(&c, "novalue", &e), -1);
    assert_string_equal(e.text, "novalue: expected key=value");
    assert_int_equal(config_parse_argument(&c, "vif=['a'", &e), -1);
    assert_string_equal(e.text, "vif=['a': the list has no closing ]");
    config_free(&c);
}

static void test_defaults(void **state)
{
    struct guest_config g, copy;
    struct error e;

    assert_int_equal(read_guest(&g, MINIMUM, &e), 0);
    assert_string_equal(g.name, "n");
    assert_string_equal(g.kernel, "/k");
    assert_null(g.ramdisk);
    assert_string_equal(g.cmdline, "");
    assert_int_equal(g.memory_mib, 128);
    assert_int_equal(g.maxmem_mib, 128);
    assert_int_equal(g.vcpus, 1);
    assert_int_equal(g.maxvcpus, 1);
    assert_int_equal(g.on_poweroff, STOP_DESTROY);
    assert_int_equal(g.on_reboot, STOP_RESTART);
    assert_int_equal(g.on_crash, STOP_DESTROY);
    assert_int_equal(g.on_watchdog, STOP_DESTROY);
    assert_int_equal(g.on_soft_reset, STOP_SOFT_RESET);
    assert_int_equal(guest_config_copy(&copy, &g), 0);
    guest_config_free(&g);
    assert_string_equal(copy.kernel, "/k");
    guest_config_free(&copy);
}

static void test_keys(void **state)
{
    struct guest_config g;
    char text[37];
    struct error e;

    assert_int_equal(read_guest(&g,
                                MINIMUM "ramdisk='/r'\nroot='/dev/xvda'\nextra='ro quiet'\n"
                                        "memory=64;maxmem='0x100';vcpus=2;maxvcpus=4\n"
                                        "uuid='00112233-4455-6677-8899-aabbccddeeff'\n"
                                        "on_poweroff='preserve';on_reboot='destroy'\n"
                                        "on_crash=\"rename-restart\"\ntype='pv';noise='loud'\n",
                                &e),
                     0);
    assert_string_equal(g.cmdline, "root=/dev/xvda ro quiet");
    assert_string_equal(g.ramdisk, "/r");
    assert_int_equal(g.memory_mib, 64);
    assert_int_equal(g.maxmem_mib, 256);
    assert_int_equal(g.vcpus, 2);
    assert_int_equal(g.maxvcpus, 4);
    assert_int_equal(g.on_poweroff, STOP_PRESERVE);
    assert_int_equal(g.on_reboot, STOP_DESTROY);
    assert_int_equal(g.on_crash, STOP_RENAME_RESTART);
    uuid_format(text, g.uuid);
    assert_string_equal(text, "00112233-4455-6677-8899-aabbccddeeff");
    assert_string_equal(warnings, "f.cfg:10: unknown key 'noise' ignored\n");
    guest_config_free(&g);

    assert_int_equal(read_guest(&g, MINIMUM "cmdline='x'\nextra='y'", &e), 0);
    assert_string_equal(g.cmdline, "x");
    assert_string_equal(warnings, "root and extra are ignored, since cmdline is given\n");
    guest_config_free(&g);
}

/* The CPUs that a configuration has for a vCPU, of a machine with eight; NULL: any. */
static const char *cpus_of(const struct guest_affinity *a, unsigned int vcpu)
{
    static char text[CPU_LIST_TEXT_SIZE];
    const struct cpu_set *set = guest_affinity_of(a, vcpu);

    return set ? cpu_list_format(text, set, 8) : NULL;
}

static void test_where_vcpus_run(void **state)
{
    struct guest_config g, copy;
    struct error e;

    assert_int_equal(read_guest(&g, MINIMUM, &e), 0);
    assert_null(cpus_of(&g.cpus, 0));
    assert_int_equal(g.cpu_weight, 0);
    assert_int_equal(g.cap, 0);
    guest_config_free(&g);

    assert_int_equal(read_guest(&g,
                                MINIMUM
                                "vcpus=2;maxvcpus=3;cpu_weight=65535;cap=300\n"
                                "pool='Pool-0';cpus='0';cpus=['2', '3-5,^4', ]\ncpus_soft='all,^7'",
                                &e),
                     0);
    assert_int_equal(guest_config_copy(&copy, &g), 0);
    guest_config_free(&g);
    assert_string_equal(warnings, "");
    assert_int_equal(copy.cpu_weight, 65535);
    assert_int_equal(copy.cap, 300);
    assert_string_equal(cpus_of(&copy.cpus, 0), "2");
    assert_string_equal(cpus_of(&copy.cpus, 1), "3,5");
    assert_null(cpus_of(&copy.cpus, 2));
    assert_string_equal(cpus_of(&copy.cpus_soft, 0), "0-6");
    assert_string_equal(cpus_of(&copy.cpus_soft, 2), "0-6");
    guest_config_free(&copy);

    /* A number without quotes, in a list as well. */
    assert_int_equal(read_guest(&g, MINIMUM "cpus=3\ncpus_soft=[3,4]", &e), 0);
    assert_string_equal(cpus_of(&g.cpus, 0), "3");
    assert_string_equal(cpus_of(&g.cpus_soft, 0), "3");
    assert_string_equal(warnings, "cpus_soft: the domain has 1 vCPUs, the rest of the 2 lists is "
                                  "ignored\n");
    guest_config_free(&g);
    assert_int_equal(read_guest(&g, MINIMUM "cpus=[]", &e), 0);
    assert_null(cpus_of(&g.cpus, 0));
    guest_config_free(&g);
}

static void test_bad_values(void **state)
{
    char text[1300];
    struct guest_config g;
    struct error e;

    assert_value_error("kernel='/k'", "f.cfg: the key name is missing");
    assert_value_error("name='n'", "f.cfg: the key kernel is missing");
    assert_value_error(MINIMUM "memory='lots'",
                       "f.cfg:3: memory: expected MiB of memory, a number from 1 to 1048576");
    assert_value_error(MINIMUM "memory=0",
                       "f.cfg:3: memory: expected MiB of memory, a number from 1 to 1048576");
    assert_value_error(MINIMUM "memory=99999999999999999999999",
                       "f.cfg:3: memory: expected MiB of memory, a number from 1 to 1048576");
    assert_value_error(MINIMUM "memory=[1]",
                       "f.cfg:3: memory: expected MiB of memory, a number from 1 to 1048576");
    assert_value_error(MINIMUM "vcpus=129",
                       "f.cfg:3: vcpus: expected how many vCPUs, a number from 1 to 128");
    assert_value_error(MINIMUM "vcpus=2\nmaxvcpus=1", "f.cfg: maxvcpus (1) is less than vcpus (2)");
    assert_value_error(
        MINIMUM "cpus='1-0'",
        "f.cfg:3: cpus: '1-0' is not a list of CPUs: expected \"all\", or numbers and "
        "ranges such as \"0-3,5,^1\"");
    assert_value_error(MINIMUM "cpus_soft=['1','nodes:0']",
                       "f.cfg:3: cpus_soft: 'nodes:0': nodes are not supported here, name CPUs "
                       "instead");
    assert_value_error(MINIMUM "cpus=['1',[]]", "f.cfg:3: cpus: expected a list of CPUs for each "
                                                "vCPU, as [\"0\", \"1-2\"]");
    assert_value_error(MINIMUM "pool='Pool-1'",
                       "f.cfg:3: pool: expected \"Pool-0\": there is no other pool of CPUs");
    assert_value_error(MINIMUM "cpu_weight=0",
                       "f.cfg:3: cpu_weight: expected a weight, a number from 1 to 65535");
    assert_value_error(MINIMUM "cap=-1",
                       "f.cfg:3: cap: expected per cent of one CPU, a number from 0 to 12800");
    assert_value_error(MINIMUM "cap=201\nmaxvcpus=2",
                       "f.cfg: cap (201) is more than 100 for each of its vCPUs (2)");
    assert_value_error(MINIMUM "memory=2\nmaxmem=1", "f.cfg: maxmem (1) is less than memory (2)");
    assert_value_error(
        MINIMUM "on_crash='explode'",
        "f.cfg:3: on_crash: expected \"destroy\", \"restart\", \"rename-restart\", "
        "\"preserve\", \"coredump-destroy\", \"coredump-restart\" or \"soft-reset\"");
    assert_value_error("name='n'\nbootloader='pygrub'",
                       "f.cfg: the key kernel is missing, which stands in for bootloader here");
    assert_value_error("name='\\xff'", "f.cfg:1: name: a domain's name is text in UTF-8");
    assert_value_error("name='\xc2\x85'",
                       "f.cfg:1: name: a domain's name has no blanks, slashes or "
                       "control characters");
    assert_value_error(MINIMUM "uuid='1234'",
                       "f.cfg:3: uuid: expected a UUID, 32 hexadecimal digits "
                       "as \"8-4-4-4-12\"");
    assert_value_error("name='a/b'", "f.cfg:1: name: a domain's name has no blanks, slashes or "
                                     "control characters");
    assert_value_error("name=12",
                       "f.cfg:1: name: a domain's name of digits alone would be taken for "
                       "a domain's number");
    assert_value_error(MINIMUM "type='hvm'",
                       "f.cfg:3: type: expected \"pv\": all domains are paravirtualized here");
    assert_value_error(MINIMUM "builder=\"hvm\"",
                       "f.cfg:3: builder: expected \"pv\": all domains are paravirtualized here");
    assert_value_error(MINIMUM "type=['pv']",
                       "f.cfg:3: type: expected \"pv\": all domains are paravirtualized here");
    assert_value_error("kernel=''", "f.cfg:1: kernel: expected the path of a file");
    assert_value_error("kernel=7", "f.cfg:1: kernel: expected a string in quotes");
    memset(text, 'x', sizeof(text));
    memcpy(text, MINIMUM "extra='", strlen(MINIMUM "extra='"));
    strcpy(text + 1200, "'");
    assert_int_equal(read_guest(&g, text, &e), -1);
    assert_string_equal(e.text, "f.cfg: the kernel's command line is longer than 1023 bytes");
}

/* All actions of xl are accepted; the part that cannot be done is said. */
static void test_actions(void **state)
{
    struct guest_config g;
    struct error e;

    assert_int_equal(read_guest(&g,
                                MINIMUM
                                "on_crash='coredump-restart'\non_watchdog='coredump-destroy'\n"
                                "on_poweroff='soft-reset'\non_reboot='preserve'\n"
                                "on_soft_reset='rename-restart'",
                                &e),
                     0);
    assert_int_equal(g.on_crash, STOP_COREDUMP_RESTART);
    assert_int_equal(g.on_watchdog, STOP_COREDUMP_DESTROY);
    assert_int_equal(g.on_poweroff, STOP_SOFT_RESET);
    assert_int_equal(g.on_soft_reset, STOP_RENAME_RESTART);
    assert_int_equal(stop_action_part(g.on_crash), STOP_RESTART);
    assert_int_equal(stop_action_part(g.on_watchdog), STOP_DESTROY);
    assert_int_equal(stop_action_part(g.on_poweroff), STOP_RESTART);
    assert_int_equal(stop_action_part(g.on_reboot), STOP_PRESERVE);
    assert_string_equal(stop_action_word(g.on_crash), "coredump-restart");
    assert_string_equal(
        warnings,
        "f.cfg:3: on_crash: \"coredump-restart\" is not supported here: there is no place to write "
        "a core dump to, so the domain is restarted\n"
        "f.cfg:4: on_watchdog: \"coredump-destroy\" is not supported here: there is no place to "
        "write a core dump to, so the domain is destroyed\n"
        "f.cfg:5: on_poweroff: \"soft-reset\" is not supported here: it is for domains with "
        "emulated hardware, so the domain is restarted\n");
    guest_config_free(&g);
}

/* What is said of keys that are not used: of xl's, of mistyped ones, of others. */
static void test_foreign_keys(void **state)
{
    static const struct {
        const char *setting, *warning;
    } cases[] = {
        {"bootloader='pygrub'",
         "f.cfg:3: xl's key 'bootloader' is not supported here: give kernel=, for example pvgrub, "
         "which reads the boot menu of the domain's disk\n"},
        {"localtime=1", "f.cfg:3: xl's key 'localtime' is not supported here: the clock of every "
                        "domain is in UTC; its own time zone stands in its own files\n"},
        {"vfb=['vnc=1']",
         "f.cfg:3: xl's key 'vfb' is not supported here: a domain has a text console: bh console\n"},
        {"pci=['01:00.0']", "f.cfg:3: xl's key 'pci' is not supported here: devices of the machine "
                            "cannot be given to a domain; use disk= and vif=\n"},
        {"max_grant_frames=64", "f.cfg:3: xl's key 'max_grant_frames' is not supported here: the "
                                "limit is the hypervisor's\n"},
        {"e820_host=1", "f.cfg:3: xl's key 'e820_host' is not supported here\n"},
        {"vtpm=[]", "f.cfg:3: xl's key 'vtpm' is not supported here\n"},
        {"disks=[]", "f.cfg:3: unknown key 'disks' ignored: is 'disk' meant?\n"},
        {"memroy=64", "f.cfg:3: unknown key 'memroy' ignored: is 'memory' meant?\n"},
        {"on-crash='destroy'", "f.cfg:3: unknown key 'on-crash' ignored: is 'on_crash' meant?\n"},
        {"bootlaoder='x'", "f.cfg:3: unknown key 'bootlaoder' ignored: is 'bootloader' meant?\n"},
        {"zz=1", "f.cfg:3: unknown key 'zz' ignored\n"},
        {"a_very_long_key_that_resembles_none_of_those_that_there_are=1",
         "f.cfg:3: unknown key 'a_very_long_key_that_resembles_none_of_those_that_there_are' "
         "ignored\n"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[200];
        struct guest_config g;
        struct error e;

        snprintf(text, sizeof(text), MINIMUM "%s", cases[i].setting);
        assert_int_equal(read_guest(&g, text, &e), 0);
        assert_string_equal(warnings, cases[i].warning);
        guest_config_free(&g);
    }
}

/* What a terminal would obey is shown as a number, and nothing is cut in the middle. */
static void test_printable(void **state)
{
    char copy[64];

    utf8_printable(copy, sizeof(copy), "a\x1b[31m\n\x7f \xc3\xa9\xc2\x9b\xc2\xa0\xff\\");
    assert_string_equal(copy, "a\\x1b[31m\\x0a\\x7f \xc3\xa9\\xc2\\x9b\xc2\xa0\\xff\\");
    utf8_printable(copy, 5, "a\x1b");
    assert_string_equal(copy, "a");
    utf8_printable(copy, 6, "a\x1b");
    assert_string_equal(copy, "a\\x1b");
    utf8_printable(copy, 3, "a\xc3\xa9");
    assert_string_equal(copy, "a");
    utf8_printable(copy, 1, "a");
    assert_string_equal(copy, "");
}

/* Names in other scripts, and a file that begins with a byte-order mark. */
static void test_utf8(void **state)
{
    static const char name[] = "na\xc3\xafve-\xe6\xbc\xa2";
    struct guest_config g;
    struct error e;

    assert_int_equal(
        read_guest(&g, "\xef\xbb\xbfname='na\xc3\xafve-\xe6\xbc\xa2'\nkernel='/k'", &e), 0);
    assert_string_equal(g.name, name);
    guest_config_free(&g);
    assert_int_equal(utf8_columns(name, strlen(name)), 8);
    assert_int_equal(utf8_columns("e\xcc\x81\xff", 4), 2); /* a mark; a stray byte */
    assert_int_equal(utf8_fit(name, 3), 4);                /* the letter of two bytes */
    assert_int_equal(utf8_fit(name, 7), 7);                /* half of the ideograph has no room */
    assert_int_equal(utf8_fit(name, 8), 10);
    assert_int_equal(utf8_fit("e\xcc\x81\xff", 1), 3); /* a mark goes with its letter */
    assert_int_equal(utf8_whole(name, 4), 4);
    assert_int_equal(utf8_whole(name, 3), 2);
    assert_int_equal(utf8_whole(name, strlen(name)), strlen(name));
    assert_int_equal(utf8_whole(name, strlen(name) - 1), strlen(name) - 3);
    assert_int_equal(utf8_whole(name, strlen(name) - 2), strlen(name) - 3);
    assert_int_equal(utf8_whole("", 0), 0);
    assert_int_equal(utf8_length("\xe0\x80\x80", 3), 0);
    assert_int_equal(utf8_length("\xed\xa0\x80", 3), 0);
    assert_int_equal(utf8_length("\xf4\x90\x80\x80", 4), 0);
    assert_int_equal(utf8_length("\xf0\x9f\x98\x80", 4), 4);
}

/* A number on a command line where a string is wanted: quotes are not needed there. */
static void test_bare_numbers(void **state)
{
    struct guest_config g;
    struct config c;
    struct error e;

    assert_int_equal(parse(&c, MINIMUM, &e), 0);
    assert_int_equal(config_parse_argument(&c, "extra=3", &e), 0);
    assert_int_equal(guest_config_read(&g, &c, "f.cfg", warn, NULL, &e), 0);
    assert_string_equal(g.cmdline, "3");
    guest_config_free(&g);
    config_free(&c);
}

/* However long an argument is, the reason is shown. */
static void test_long_arguments(void **state)
{
    char text[1200], expected[200];
    struct guest_config g;
    struct config c;
    struct error e;

    memset(text, 'x', sizeof(text));
    memcpy(text, "disk=[\"", 7);
    strcpy(text + sizeof(text) - 3, "\"]");
    config_init(&c);
    assert_int_equal(config_parse_argument(&c, text, &e), 0);
    assert_int_equal(guest_config_read(&g, &c, "f.cfg", warn, NULL, &e), -1);
    assert_non_null(strstr(e.text, "a parameter has more than"));
    config_free(&c);

    strcpy(text + sizeof(text) - 3, "\"");
    snprintf(expected, sizeof(expected), "%.100s: the list has no closing ]", text);
    config_init(&c);
    assert_int_equal(config_parse_argument(&c, text, &e), -1);
    assert_string_equal(e.text, expected);
    config_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_syntax_errors),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_where_vcpus_run),
        cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_long_arguments),
        cmocka_unit_test(test_bare_numbers),
        cmocka_unit_test(test_actions),
        cmocka_unit_test(test_foreign_keys),
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_printable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
