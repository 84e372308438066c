/* SPDX-License-Identifier: MIT */
/*
 * test_core.c - cores of the kernel and of gdb's gcore, against what the process said about itself.
 */
#include "subject.h"

/* A kernel's core of the subject with three more threads and a data file, for several tests. */
static struct subject dumped;
static char dumped_core[PATH_MAX];

static const char *make_data_file(void)
{
	static char argument[PATH_MAX + 8];
	const char *path = scratch("data");
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	for (int i = 0; i < 4 * 4096 / 8; i++)
		fprintf(file, "%07d\n", i);
	fclose(file);
	snprintf(argument, sizeof(argument), "file=%s", path);
	return argument;
}

static void need_dumped(void)
{
	need_kernel_cores();
	if (*dumped_core)
		return;
	subject_start_own(&dumped, "subject", "threads=3", make_data_file());
	pid_t pid = dumped.pid;
	strcpy(dumped_core, subject_dump(&dumped, "dumped"));
	dumped.threads[dumped.thread_count] = 0;
	assert_int_equal(dumped.threads[0], pid);
}

static struct inspect_target *open_core(const char *path, const struct inspect_target_options *options)
{
	struct inspect_target *target;
	assert_no_error(inspect_target_open(path, options, &target));
	return target;
}

static void assert_lost(struct inspect_target *target, const struct subject *subject, const char *name,
			const char *words)
{
	const struct subject_area *area = subject_area(subject, name);
	uint8_t byte;
	assert_null(target_map(target, area->address, 1));
	assert_false(target_has(target, area->address, 1));
	assert_error(target_read(target, area->address, &byte, 1), INSPECT_ERROR_UNREADABLE, words);
}

/* ---- whole cores --------------------------------------------------------------------------------- */

static void test_kernel_core(void **state)
{
	(void)state;
	need_dumped();
	struct inspect_target *target = open_core(dumped_core, NULL);
	assert_areas(target, &dumped);
	assert_symbols(target, &dumped);
	assert_threads(target, &dumped);
	assert_int_equal(target->thread_count, 4);
	assert_main_image(target, &dumped);
	assert_int_equal(target->images[target->main_image].state, IMAGE_VERIFIED);
	assert_lost(target, &dumped, "dontdump", "left out of the core");
	assert_lost(target, &dumped, "file", "/data, whose bytes are not in");
	assert_int_equal(target->kind, TARGET_CORE);
	assert_int_equal(target->signal, SIGABRT);
	assert_int_equal(target->pid, dumped.threads[0]);
	assert_non_null(strstr(target->command_line, "/subject threads=3"));
	assert_complete(target);
	inspect_target_close(target);
}

static void test_registers(void **state)
{
	(void)state;
	need_dumped();
	struct inspect_target *target = open_core(dumped_core, NULL);
	const struct subject_area *stack = subject_area(&dumped, "stack");
	const struct target_segment *segment = target_segment_at(target, stack->address);
	bool found = false;
	for (size_t i = 0; i < target->thread_count; i++) {
		uint64_t pointer; /* rsp is the 20th word on x86-64, sp the 32nd on aarch64 */
		assert_true(target->threads[i].has_registers);
		memcpy(&pointer, target->threads[i].registers + 8 * (target->machine == EM_X86_64 ? 19 : 31),
		       8);
		assert_true(target_has(target, pointer, 8));
		if (target->threads[i].tid == target->pid)
			found = pointer < stack->address && pointer >= segment->start;
	}
	assert_true(found);
	inspect_target_close(target);
}

static void test_gcore(void **state)
{
	(void)state;
	struct subject subject;
	subject_start_own(&subject, "subject", "threads=3", make_data_file());
	const char *core = subject_gcore(&subject, "gcored");
	struct inspect_target *target = open_core(core, NULL);
	assert_areas(target, &subject);
	assert_symbols(target, &subject);
	assert_threads(target, &subject);
	assert_main_image(target, &subject);
	assert_lost(target, &subject, "dontdump", "left out of the core");
	assert_int_equal(target->pid, subject.pid);
	assert_complete(target);
	inspect_target_close(target);
	subject_stop(&subject);
}

static void check_variant(const char *name, const char *core_name)
{
	struct subject subject;
	need_kernel_cores();
	subject_start_own(&subject, name, NULL, NULL);
	struct inspect_target *target = open_core(subject_dump(&subject, core_name), NULL);
	assert_areas(target, &subject);
	assert_symbols(target, &subject);
	assert_main_image(target, &subject);
	assert_complete(target);
	if (!*subject.build_id) {
		const struct target_image *image = &target->images[target->main_image];
		assert_int_equal(image->state, IMAGE_UNVERIFIED);
		assert_true(image->alike);
		assert_string_equal(image->problem, "has no build-id; its headers equal those in memory");
	}
	inspect_target_close(target);
}

static void test_no_build_id(void **state)
{
	(void)state;
	check_variant("subject-plain", "plain");
}

static void test_static(void **state)
{
	(void)state;
	need_static();
	check_variant("subject-static", "static");
}

/* Sets what goes into the subject's core; see core(5). */
static void set_filter(const struct subject *subject, const char *value)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/coredump_filter", (int)subject->pid);
	FILE *filter = fopen(path, "we");
	assert_non_null(filter);
	assert_true(fputs(value, filter) >= 0);
	assert_int_equal(fclose(filter), 0);
}

/* A core without the memory that the process wrote to: what its files had there must not pass for that. */
static void test_no_writable_memory(void **state)
{
	(void)state;
	struct subject subject;
	need_kernel_cores();
	subject_start_own(&subject, "subject", NULL, NULL);
	set_filter(&subject, "0x10");
	struct inspect_target *target = open_core(subject_dump(&subject, "no-writable-memory"), NULL);
	assert_true(find_note(target, "holds no writable memory")->incomplete);
	assert_lost(target, &subject, "initialised", "left out of the core");
	assert_lost(target, &subject, "zeroed", "left out of the core");
	assert_lost(target, &subject, "anonymous", "left out of the core");
	assert_area(target, subject_area(&subject, "constants"));
	assert_area(target, subject_area(&subject, "text"));
	inspect_target_close(target);
}

/* A core without the first pages of the executables: their files have to say what was where. */
static void test_no_headers(void **state)
{
	(void)state;
	struct subject subject;
	need_kernel_cores();
	subject_start_own(&subject, "subject", NULL, NULL);
	set_filter(&subject, "0x23");
	struct inspect_target *target = open_core(subject_dump(&subject, "no-headers"), NULL);
	const struct target_image *image = &target->images[target->main_image];
	assert_areas(target, &subject);
	assert_symbols(target, &subject);
	assert_int_equal(image->state, IMAGE_UNVERIFIED);
	assert_true(image->alike);
	inspect_target_close(target);

	/* Other files contradict what is left of the dynamic section. */
	struct inspect_target_options options = { .executable = own_program("subject-plain") };
	assert_error(inspect_target_open(scratch("no-headers"), &options, &target), INSPECT_ERROR_FORMAT,
		     "is not what ran in");
}

/* A section's address and size as readelf prints them. */
static void readelf_section(const char *program, const char *name, uint64_t *address, uint64_t *size)
{
	char command[PATH_MAX + 64], line[512];
	snprintf(command, sizeof(command), "readelf -SW '%s' 2>/dev/null", program);
	FILE *pipe = popen(command, "re");
	assert_non_null(pipe);
	*address = 0;
	while (fgets(line, sizeof(line), pipe)) {
		char *found = strstr(line, name);
		if (found && found[strlen(name)] == ' ')
			sscanf(found + strlen(name), " %*s %" SCNx64 " %*x %" SCNx64, address, size);
	}
	pclose(pipe);
}

static void test_section(void **state)
{
	(void)state;
	need_dumped();
	struct inspect_target *target = open_core(dumped_core, NULL);
	struct target_image *image = &target->images[target->main_image];
	static const char *const names[] = { ".text", ".data", ".bss", ".rodata", ".dynamic" };
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		uint64_t address, size, true_address, true_size;
		readelf_section(dumped.program, names[i], &true_address, &true_size);
		if (!true_address) {
			inspect_target_close(target);
			print_message("there is no readelf here\n");
			skip();
		}
		assert_no_error(image_section(target, image, names[i], &address, &size));
		assert_int_equal(address, image->bias + true_address);
		assert_int_equal(size, true_size);
	}
	uint64_t address, size;
	assert_no_error(image_section(target, image, ".no_such_section", &address, &size));
	assert_int_equal(address, 0);
	inspect_target_close(target);
}

/* ---- started by the dynamic linker --------------------------------------------------------------- */

static void test_linker_started(void **state)
{
	(void)state;
	struct subject subject;
	need_kernel_cores();
	subject_start_by_linker(&subject);
	struct inspect_target *target = open_core(subject_dump(&subject, "linker-started"), NULL);
	struct target_image *image = &target->images[target->main_image];
	assert_string_equal(strrchr(image->path, '/'), "/subject");
	assert_areas(target, &subject);
	assert_symbols(target, &subject);
	inspect_target_close(target);

	/* --executable is then that of the program, although the linker is what was executed. */
	const char *copy = scratch("copy-of-program");
	copy_file(own_program("subject"), copy);
	struct inspect_target_options options = { .executable = copy };
	target = open_core(scratch("linker-started"), &options);
	image = &target->images[target->main_image];
	assert_string_equal(strrchr(image->path, '/'), "/subject");
	assert_string_equal(image->file, copy);
	inspect_target_close(target);
}

/* ---- files --------------------------------------------------------------------------------------- */

/* The core of a copy of the subject that is then deleted; *@path is where it was. */
static struct subject moved;
static char moved_core[PATH_MAX], moved_program[PATH_MAX];

static void need_moved(const char *variant)
{
	static char last[32];
	need_kernel_cores();
	if (strcmp(last, variant) == 0)
		return;
	mkdir(scratch("bin"), 0755);
	strcpy(moved_program, scratch("bin/service"));
	copy_file(own_program(variant), moved_program);
	subject_start(&moved, scratch(""), NULL, (const char *[]){ moved_program, NULL });
	strcpy(moved_core, subject_dump(&moved, "moved"));
	assert_int_equal(unlink(moved_program), 0);
	strcpy(moved.program, own_program(variant));
	strcpy(last, variant);
}

static void test_missing_executable(void **state)
{
	(void)state;
	need_moved("subject");
	struct inspect_target *target = open_core(moved_core, NULL);
	struct target_image *image = &target->images[target->main_image];
	char build_id[129];
	assert_int_equal(image->state, IMAGE_MISSING);
	assert_non_null(strstr(image->problem, "--executable"));
	image_build_id_text(image, build_id);
	assert_string_equal(build_id, moved.build_id);
	assert_lost(target, &moved, "constants", "bin/service, which is missing on this machine");
	assert_lost(target, &moved, "text", "--sysroot");
	assert_area(target, subject_area(&moved, "initialised"));
	assert_area(target, subject_area(&moved, "anonymous"));
	assert_area(target, subject_area(&moved, "library-text"));
	assert_non_null(find_note(target, "bin/service, which is missing"));
	inspect_target_close(target);
}

static void check_found(const struct inspect_target_options *options)
{
	struct inspect_target *target = open_core(moved_core, options);
	assert_areas(target, &moved);
	assert_symbols(target, &moved);
	assert_complete(target);
	inspect_target_close(target);
}

static void test_executable_option(void **state)
{
	(void)state;
	need_moved("subject");
	check_found(&(struct inspect_target_options){ .executable = moved.program });
}

/* The program under the sysroot with its path, and with nothing but its name. */
static void test_sysroot(void **state)
{
	(void)state;
	need_moved("subject");
	char command[4 * PATH_MAX];
	snprintf(command, sizeof(command), "mkdir -p '%s%s' && cp '%s' '%s%s'", scratch("root"),
		 scratch("bin"), moved.program, scratch("root"), moved_program);
	assert_int_equal(system(command), 0);
	check_found(&(struct inspect_target_options){ .sysroot = scratch("root") });
	snprintf(command, sizeof(command), "mkdir -p '%s' && cp '%s' '%s/service'", scratch("flat"),
		 moved.program, scratch("flat"));
	assert_int_equal(system(command), 0);
	check_found(&(struct inspect_target_options){ .sysroot = scratch("flat") });
}

/* Another file at the path of the executable must not be believed, nor one given as it. */
static void check_different(const char *other, const char *words)
{
	char path[PATH_MAX];
	struct inspect_target *target;
	strcpy(path, own_program(other));
	copy_file(path, moved_program);
	target = open_core(moved_core, NULL);
	assert_int_equal(target->images[target->main_image].state, IMAGE_DIFFERENT);
	assert_lost(target, &moved, "constants", words);
	assert_lost(target, &moved, "text", moved_program);
	assert_area(target, subject_area(&moved, "initialised"));
	inspect_target_close(target);
	unlink(moved_program);

	struct inspect_target_options options = { .executable = path };
	assert_error(inspect_target_open(moved_core, &options, &target), INSPECT_ERROR_FORMAT,
		     "is not what ran in");
	assert_null(target);
}

static void test_different_executable(void **state)
{
	(void)state;
	need_moved("subject");
	check_different("subject-other", "has another build-id");
	check_different("subject-plain", "has no build-id");
	need_moved("subject-plain");
	check_different("subject", "has a build-id");
	check_different("subject-plain-other", "has other program headers");
}

static void test_executable_errors(void **state)
{
	(void)state;
	need_dumped();
	struct inspect_target *target;
	struct inspect_target_options options = { .executable = "/nowhere/python" };
	assert_error(inspect_target_open(dumped_core, &options, &target), INSPECT_ERROR_SYSTEM,
		     "cannot use the executable /nowhere/python: No such file");
	options.executable = scratch("data");
	make_data_file();
	assert_error(inspect_target_open(dumped_core, &options, &target), INSPECT_ERROR_FORMAT,
		     "is not an ELF file");
	options.executable = "/";
	assert_error(inspect_target_open(dumped_core, &options, &target), INSPECT_ERROR_SYSTEM,
		     "Is a directory");
}

/* Puts @after in the place of @before in the file, of which it has that once. */
static void overwrite(const char *path, const void *before, const void *after, size_t size)
{
	struct stat status;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(fstat(fd, &status), 0);
	uint8_t *bytes = malloc((size_t)status.st_size);
	assert_int_equal(pread(fd, bytes, (size_t)status.st_size, 0), status.st_size);
	const uint8_t *found = memmem(bytes, (size_t)status.st_size, before, size);
	assert_non_null(found);
	assert_int_equal(pwrite(fd, after, size, found - bytes), size);
	free(bytes);
	close(fd);
}

/* A stripped program with its debug file beside it. */
static void test_debug_link(void **state)
{
	(void)state;
	need_kernel_cores();
	if (system("command -v objcopy >/dev/null 2>&1") != 0) {
		print_message("there is no objcopy here\n");
		skip();
	}
	char command[6 * PATH_MAX];
	snprintf(command, sizeof(command),
		 "cd '%s' && mkdir -p .debug && objcopy --only-keep-debug '%s' .debug/s.dbg && "
		 "objcopy --strip-all --add-gnu-debuglink=.debug/s.dbg '%s' stripped",
		 scratch(""), own_program("subject"), own_program("subject"));
	assert_int_equal(system(command), 0);
	struct subject subject;
	subject_start(&subject, scratch(""), NULL, (const char *[]){ scratch("stripped"), NULL });
	struct inspect_target *target = open_core(subject_dump(&subject, "stripped-core"), NULL);
	struct target_image *image = &target->images[target->main_image];
	assert_areas(target, &subject);
	assert_symbols(target, &subject); /* hidden_function is in the debug file alone */
	assert_non_null(image_debug_elf(target, image));
	assert_ptr_not_equal(image_debug_elf(target, image), image_elf(target, image));
	inspect_target_close(target);

	/* Without it the static symbols are unknown, and so said. */
	unlink(scratch(".debug/s.dbg"));
	target = open_core(scratch("stripped-core"), NULL);
	image = &target->images[target->main_image];
	uint64_t address;
	assert_no_error(image_symbol(target, image, "hidden_function", &address, NULL));
	assert_int_equal(address, 0);
	assert_null(image_debug_elf(target, image));
	assert_no_error(image_symbol(target, image, "subject_variable", &address, NULL));
	assert_int_equal(address, subject_symbol(&subject, "subject_variable"));

	/* The same where the dynamic linker is one that leaves the dynamic section as it is in the file. */
	Elf64_Dyn dynamic[64], before[64];
	uint64_t size;
	assert_no_error(image_section(target, image, ".dynamic", &address, &size));
	assert_true(size <= sizeof(dynamic));
	assert_no_error(target_read(target, address, dynamic, size));
	memcpy(before, dynamic, size);
	for (size_t i = 0; i < size / sizeof(*dynamic); i++)
		if (dynamic[i].d_tag == DT_GNU_HASH || dynamic[i].d_tag == DT_SYMTAB ||
		    dynamic[i].d_tag == DT_STRTAB)
			dynamic[i].d_un.d_ptr -= image->bias;
	assert_true(memcmp(before, dynamic, size) != 0);
	inspect_target_close(target);
	overwrite(scratch("stripped-core"), before, dynamic, size);
	target = open_core(scratch("stripped-core"), NULL);
	image = &target->images[target->main_image];
	assert_no_error(image_symbol(target, image, "subject_variable", &address, NULL));
	assert_int_equal(address, subject_symbol(&subject, "subject_variable"));
	inspect_target_close(target);
}

/* ---- what is no core ----------------------------------------------------------------------------- */

static void write_file(const char *path, const void *bytes, size_t size)
{
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, size, file), size);
	fclose(file);
}

static void check_refused(const void *bytes, size_t size, const char *words)
{
	struct inspect_target *target;
	const char *path = scratch("refused");
	write_file(path, bytes, size);
	assert_error(inspect_target_open(path, NULL, &target), INSPECT_ERROR_FORMAT, words);
	assert_null(target);
}

static void test_refused(void **state)
{
	(void)state;
	struct inspect_target *target;
	assert_error(inspect_target_open("/nowhere/core", NULL, &target), INSPECT_ERROR_SYSTEM,
		     "No such file");
	assert_error(inspect_target_open(scratch(""), NULL, &target), INSPECT_ERROR_FORMAT,
		     "not even a regular file");
	assert_error(inspect_target_open("/proc/self/exe", NULL, &target), INSPECT_ERROR_FORMAT,
		     "is an executable or a shared library, not a core");
	assert_error(inspect_target_open("99999999999999999999", NULL, &target), INSPECT_ERROR_USAGE,
		     "is not a process number");
	assert_error(inspect_target_open("0", NULL, &target), INSPECT_ERROR_USAGE, "is not a process number");
	check_refused("", 0, "is empty");
	check_refused("Hello, world", 12, "is not an ELF file");
	check_refused("\x7f"
		      "EL",
		      3, "is not an ELF file");
	check_refused("\x28\xb5\x2f\xfd 12345678", 13, "zstd -d");
	check_refused("\x1f\x8b\x08 12345678", 12, "gzip -dk");
	check_refused("\x7f"
		      "ELF\x02\x01\x01",
		      7, "is cut off inside its ELF header");

	Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phoff = sizeof(header),
		.e_phnum = 1,
	};
	Elf64_Ehdr damaged = header;
	damaged.e_ident[EI_CLASS] = ELFCLASS32;
	check_refused(&damaged, sizeof(damaged), "is of a 32-bit process");
	damaged = header;
	damaged.e_ident[EI_DATA] = ELFDATA2MSB;
	check_refused(&damaged, sizeof(damaged), "is of a big-endian machine");
	damaged = header;
	damaged.e_machine = EM_S390;
	check_refused(&damaged, sizeof(damaged), "ELF machine number 22");
	damaged = header;
	damaged.e_type = ET_REL;
	check_refused(&damaged, sizeof(damaged), "is an object file");
	damaged = header;
	damaged.e_type = 77;
	check_refused(&damaged, sizeof(damaged), "is not a core");
	damaged = header;
	damaged.e_phnum = 0;
	check_refused(&damaged, sizeof(damaged), "has no program headers");
	damaged = header;
	damaged.e_phentsize = 1;
	check_refused(&damaged, sizeof(damaged), "damaged");
	check_refused(&header, sizeof(header), "is cut off inside its program headers");
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr note;
	} nothing = { header, { .p_type = PT_NOTE } };
	check_refused(&nothing, sizeof(nothing), "without any memory");
}

/* ---- made-up cores ------------------------------------------------------------------------------- */

/* A core of @count one-page segments, 64 KiB apart, of which each holds its own number. */
static void write_many(const char *path, uint32_t count, uint64_t cut)
{
	Elf64_Ehdr header = {
		.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
		.e_type = ET_CORE,
		.e_machine = EM_X86_64,
		.e_phentsize = sizeof(Elf64_Phdr),
		.e_phoff = sizeof(header),
		.e_phnum = count + 1 < PN_XNUM ? (uint16_t)(count + 1) : PN_XNUM,
	};
	uint64_t data = sizeof(header) + (count + 1) * (uint64_t)sizeof(Elf64_Phdr);
	Elf64_Shdr section = { .sh_info = count + 1 };
	header.e_shoff = data + count * (uint64_t)8;
	FILE *file = fopen(path, "we");
	assert_non_null(file);
	fwrite(&header, sizeof(header), 1, file);
	Elf64_Phdr segment = { .p_type = PT_NOTE, .p_offset = data };
	fwrite(&segment, sizeof(segment), 1, file);
	for (uint64_t i = 0; i < count; i++) {
		segment = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W,
			.p_vaddr = (i + 1) << 16,
			.p_memsz = 4096,
			.p_filesz = 8,
			.p_offset = data + i * 8,
		};
		fwrite(&segment, sizeof(segment), 1, file);
	}
	for (uint64_t i = 0; i < count; i++)
		fwrite(&i, sizeof(i), 1, file);
	fwrite(&section, sizeof(section), 1, file);
	fclose(file);
	if (cut)
		assert_int_equal(truncate(path, (off_t)(header.e_shoff + sizeof(section) - cut)), 0);
}

static void check_many(uint32_t count, uint64_t cut)
{
	write_many(scratch("many"), count, cut);
	struct inspect_target *target = open_core(scratch("many"), NULL);
	for (uint64_t i = 0; i < count; i += 997) {
		uint64_t value;
		assert_no_error(target_read_u64(target, (i + 1) << 16, &value));
		assert_int_equal(value, i);
		/* The header claims a page; of that the core has eight bytes. */
		assert_error(target_read_u64(target, ((i + 1) << 16) + 4, &value), INSPECT_ERROR_UNREADABLE,
			     "left out of the core");
		assert_error(target_read_u64(target, ((i + 1) << 16) + 4096, &value),
			     INSPECT_ERROR_UNREADABLE, "nothing is mapped");
	}
	assert_int_equal(target->segment_count, 2 * count);
	inspect_target_close(target);
}

/* More program headers than their 16-bit count can say; also with the section cut off that has the count. */
static void test_many_headers(void **state)
{
	(void)state;
	check_many(100, 0);
	check_many(65533, 0);
	check_many(65534, 0);
	check_many(70000, 0);
	check_many(70000, sizeof(Elf64_Shdr));
}

struct made_up {
	Elf64_Ehdr header;
	Elf64_Phdr segments[4];
	uint8_t data[4096];
};

static struct made_up made_up_core(void)
{
	struct made_up core = {
		.header = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_CORE,
			.e_machine = EM_AARCH64,
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_phnum = 4,
		},
	};
	for (size_t i = 0; i < 4; i++)
		core.segments[i] = (Elf64_Phdr){
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W,
			.p_vaddr = 0x10000 * (i + 1),
			.p_memsz = 0x1000,
			.p_filesz = 1024,
			.p_offset = offsetof(struct made_up, data) + 1024 * i,
		};
	for (size_t i = 0; i < sizeof(core.data); i++)
		core.data[i] = (uint8_t)(i / 1024 + 1);
	return core;
}

static uint8_t byte_at(struct inspect_target *target, uint64_t address)
{
	uint8_t byte;
	assert_no_error(target_read(target, address, &byte, 1));
	return byte;
}

static void test_odd_segments(void **state)
{
	(void)state;
	const char *path = scratch("odd");
	struct made_up core = made_up_core();
	uint8_t byte;

	/* Overlapping: the one that starts first keeps the addresses. */
	core.segments[1].p_vaddr = 0x10200;
	write_file(path, &core, sizeof(core));
	struct inspect_target *target = open_core(path, NULL);
	assert_int_equal(byte_at(target, 0x103ff), 1);
	assert_int_equal(byte_at(target, 0x10400), 2);
	assert_int_equal(byte_at(target, 0x105ff), 2);
	assert_int_equal(byte_at(target, 0x30000), 3);
	assert_true(find_note(target, "is damaged")->incomplete);
	inspect_target_close(target);

	/* Around the end of the address space, larger than it, and before the file. */
	core = made_up_core();
	core.segments[0].p_vaddr = UINT64_MAX - 100;
	core.segments[1].p_memsz = UINT64_MAX;
	core.segments[2].p_filesz = UINT64_MAX;
	core.segments[3].p_offset = UINT64_MAX - 3;
	write_file(path, &core, sizeof(core));
	target = open_core(path, NULL);
	assert_true(find_note(target, "is damaged")->incomplete);
	assert_int_equal(byte_at(target, 0x30000), 3);
	assert_int_equal(byte_at(target, 0x307ff), 4); /* more bytes in the file than usual is no damage */
	assert_error(target_read(target, 0x40000, &byte, 1), INSPECT_ERROR_UNREADABLE, "cut off");
	assert_error(target_read(target, UINT64_MAX, &byte, 1), INSPECT_ERROR_UNREADABLE,
		     "nothing is mapped");
	assert_error(target_read(target, UINT64_MAX, &byte, 2), INSPECT_ERROR_UNREADABLE, "address space");
	inspect_target_close(target);

	/* A run of bytes over the border of two segments. */
	core = made_up_core();
	core.segments[1].p_vaddr = 0x10400;
	core.segments[0].p_memsz = 0x400;
	write_file(path, &core, sizeof(core));
	target = open_core(path, NULL);
	uint8_t bytes[4];
	assert_no_error(target_read(target, 0x103fe, bytes, sizeof(bytes)));
	assert_memory_equal(bytes, "\1\1\2\2", 4);
	assert_true(target_has(target, 0x103fe, 4));
	assert_false(target_has(target, 0x103fe, 0x800));
	assert_complete(target);
	inspect_target_close(target);
}

static void test_strings(void **state)
{
	(void)state;
	const char *path = scratch("strings");
	struct made_up core = made_up_core();
	char *text;
	memcpy(core.data + 1000, "to the very end of the bytes",
	       24); /* and the next segment begins with NUL */
	core.segments[1].p_vaddr = 0x10400;
	core.segments[0].p_memsz = 0x400;
	core.data[1024] = 0;
	write_file(path, &core, sizeof(core));
	struct inspect_target *target = open_core(path, NULL);
	assert_no_error(target_read_string(target, 0x10000 + 1000, 100, &text));
	assert_string_equal(text, "to the very end of the b");
	free(text);
	assert_no_error(target_read_string(target, 0x10000 + 1000, 24, &text));
	free(text);
	assert_error(target_read_string(target, 0x10000 + 1000, 23, &text), INSPECT_ERROR_CORRUPT,
		     "does not end within 23 bytes");
	assert_error(target_read_string(target, 0x30000, 100000, &text), INSPECT_ERROR_UNREADABLE,
		     "left out");
	assert_null(text);
	inspect_target_close(target);
}

/* ---- damaged cores ------------------------------------------------------------------------------- */

/* Uses all of a target that may be damaged, without any hope. */
static void use(struct inspect_target *target)
{
	static volatile uint8_t sum;
	for (size_t i = 0; i < target->segment_count; i++) {
		const struct target_segment *segment = &target->segments[i];
		assert_true(segment->start < segment->end);
		assert_true(!i || target->segments[i - 1].end <= segment->start);
		assert_true(segment->image < (int64_t)target->image_count);
		if (segment->data)
			sum = (uint8_t)(sum + segment->data[0] +
					segment->data[segment->end - segment->start - 1]);
		char *text;
		struct inspect_error *error = target_read_string(target, segment->start + 8, 100, &text);
		inspect_error_destroy(error);
		free(text);
	}
	for (size_t i = 0; i < target->image_count; i++) {
		struct target_image *image = &target->images[i];
		uint64_t address, size, offset;
		inspect_error_destroy(image_symbol(target, image, "subject_variable", &address, &size));
		inspect_error_destroy(image_symbol(target, image, "malloc", &address, &size));
		inspect_error_destroy(image_section(target, image, ".data", &address, &size));
		image_symbol_at(target, image, image->start + 0x1000, &offset);
		image_debug_elf(target, image);
	}
}

static bool open_and_use(const char *path, const struct inspect_target_options *options)
{
	struct inspect_target *target;
	struct inspect_error *error = inspect_target_open(path, options, &target);
	if (error) {
		assert_null(target);
		assert_true(inspect_error_kind(error) == INSPECT_ERROR_FORMAT);
		assert_true(strlen(inspect_error_message(error)) > 20);
		inspect_error_destroy(error);
		return false;
	}
	use(target);
	inspect_target_close(target);
	return true;
}

static uint64_t random_state;

static uint64_t random_below(uint64_t limit)
{
	random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (random_state >> 33) % limit;
}

static int compare_down(const void *left, const void *right)
{
	off_t a = *(const off_t *)left, b = *(const off_t *)right;
	return a < b ? 1 : a > b ? -1 : 0;
}

static void test_truncated(void **state)
{
	(void)state;
	enum { COUNT = 1000 };
	need_dumped();
	char path[PATH_MAX];
	struct stat status;
	off_t lengths[COUNT];
	strcpy(path, scratch("truncated"));
	copy_file(dumped_core, path);
	assert_int_equal(stat(path, &status), 0);
	random_state = 1;
	/* A third of them in the headers and notes, where it hurts. */
	for (size_t i = 0; i < COUNT; i++)
		lengths[i] = (off_t)random_below(i % 3 ? (uint64_t)status.st_size : 8192);
	qsort(lengths, COUNT, sizeof(*lengths), compare_down);
	size_t opened = 0;
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(truncate(path, lengths[i]), 0);
		if (!open_and_use(path, NULL))
			continue;
		opened++;
		struct inspect_target *target = open_core(path, NULL);
		assert_true(find_note(target, "is cut off")->incomplete);
		inspect_target_close(target);
	}
	assert_true(opened > COUNT / 2);
}

/* A core cut off in the middle has what is before that, and says what is not. */
static void test_cut_off(void **state)
{
	(void)state;
	need_dumped();
	struct inspect_target *target = open_core(dumped_core, NULL);
	const struct subject_area *anonymous = subject_area(&dumped, "anonymous");
	struct stat status;
	const uint8_t *data = target_map(target, anonymous->address, anonymous->size);
	assert_non_null(data);
	/* Where it is in the file: the bytes tell. */
	char *bytes = NULL;
	assert_int_equal(stat(dumped_core, &status), 0);
	int fd = open(dumped_core, O_RDONLY | O_CLOEXEC);
	bytes = malloc((size_t)status.st_size);
	assert_int_equal(read(fd, bytes, (size_t)status.st_size), status.st_size);
	close(fd);
	const char *found = memmem(bytes, (size_t)status.st_size, data, anonymous->size);
	assert_non_null(found);
	off_t middle = found - bytes + (off_t)anonymous->size / 2;
	inspect_target_close(target);
	write_file(scratch("cut"), bytes, (size_t)middle);
	free(bytes);
	target = open_core(scratch("cut"), NULL);
	uint8_t byte;
	assert_true(target_has(target, anonymous->address, anonymous->size / 2));
	assert_false(target_has(target, anonymous->address, anonymous->size / 2 + 1));
	assert_error(target_read(target, anonymous->address + anonymous->size / 2, &byte, 1),
		     INSPECT_ERROR_UNREADABLE, "the core file is cut off before");
	assert_true(find_note(target, "is cut off")->incomplete);
	inspect_target_close(target);
}

/* Flips bytes in the first @span bytes of a copy of @original, opens @core (or the copy) and puts them right.
 */
static void flip(const char *original, const char *copy, const char *core,
		 const struct inspect_target_options *options, uint64_t span, size_t rounds)
{
	enum { MOST = 8 };
	copy_file(original, copy);
	struct stat status;
	assert_int_equal(stat(copy, &status), 0);
	if (span > (uint64_t)status.st_size)
		span = (uint64_t)status.st_size;
	int fd = open(copy, O_RDWR | O_CLOEXEC);
	assert_true(fd >= 0);
	for (size_t round = 0; round < rounds; round++) {
		off_t places[MOST];
		uint8_t before[MOST];
		size_t count = 1 + random_below(MOST);
		for (size_t i = 0; i < count; i++) {
			places[i] = (off_t)random_below(span);
			assert_int_equal(pread(fd, &before[i], 1, places[i]), 1);
			uint8_t byte = random_below(2) ? (uint8_t)(before[i] ^ (1 << random_below(8))) :
							 (uint8_t)random_below(256);
			assert_int_equal(pwrite(fd, &byte, 1, places[i]), 1);
		}
		open_and_use(core, options);
		for (size_t i = count; i-- > 0;)
			assert_int_equal(pwrite(fd, &before[i], 1, places[i]), 1);
	}
	close(fd);
}

static void test_flipped_headers(void **state)
{
	(void)state;
	need_dumped();
	char copy[PATH_MAX];
	strcpy(copy, scratch("flipped"));
	random_state = 2;
	/* The ELF header alone, then with the program headers and notes. */
	flip(dumped_core, copy, copy, NULL, 64, 200);
	flip(dumped_core, copy, copy, NULL, 16384, 800);
}

/* Damage in the memory: ELF headers, dynamic sections, hash tables, the linker's list. */
static void test_flipped_memory(void **state)
{
	(void)state;
	need_dumped();
	char copy[PATH_MAX];
	strcpy(copy, scratch("flipped"));
	random_state = 3;
	flip(dumped_core, copy, copy, NULL, 100000, 300);
}

/* Damage in the executable's file that leaves its build-id alone. */
static void test_flipped_executable(void **state)
{
	(void)state;
	need_moved("subject");
	char root[PATH_MAX], file[PATH_MAX + 16];
	strcpy(root, scratch("flipped-root"));
	mkdir(root, 0755);
	snprintf(file, sizeof(file), "%s/service", root);
	struct inspect_target_options options = { .sysroot = root };
	random_state = 4;
	flip(moved.program, file, moved_core, &options, 200, 100);
	flip(moved.program, file, moved_core, &options, UINT64_MAX, 300);
	/* The section headers are at the end. */
	struct stat status;
	assert_int_equal(stat(file, &status), 0);
	for (off_t cut = 1; cut < 4000; cut += 91) {
		assert_int_equal(truncate(file, status.st_size - cut), 0);
		open_and_use(moved_core, &options);
	}
}

/* Renames the note NT_FILE in a copy of the core: then the dynamic linker's list must do. */
static void test_no_file_note(void **state)
{
	(void)state;
	need_dumped();
	static const uint8_t name[] = "\x45\x4c\x49\x46"
				      "CORE"; /* NT_FILE, then the owner of the note */
	const char *path = scratch("no-file-note");
	uint8_t head[65536];
	copy_file(dumped_core, path);
	int fd = open(path, O_RDWR | O_CLOEXEC);
	ssize_t size = pread(fd, head, sizeof(head), 0);
	const uint8_t *found = memmem(head, (size_t)size, name, 8);
	assert_non_null(found);
	assert_int_equal(pwrite(fd, "X", 1, found - head), 1);
	close(fd);
	struct inspect_target *target = open_core(path, NULL);
	assert_areas(target, &dumped);
	assert_symbols(target, &dumped);
	assert_main_image(target, &dumped);
	assert_complete(target);
	inspect_target_close(target);
	random_state = 5;
	flip(path, scratch("no-file-note-flipped"), scratch("no-file-note-flipped"), NULL, 100000, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kernel_core),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_gcore),
		cmocka_unit_test(test_no_build_id),
		cmocka_unit_test(test_static),
		cmocka_unit_test(test_no_writable_memory),
		cmocka_unit_test(test_no_headers),
		cmocka_unit_test(test_section),
		cmocka_unit_test(test_linker_started),
		cmocka_unit_test(test_missing_executable),
		cmocka_unit_test(test_executable_option),
		cmocka_unit_test(test_sysroot),
		cmocka_unit_test(test_different_executable),
		cmocka_unit_test(test_executable_errors),
		cmocka_unit_test(test_debug_link),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_many_headers),
		cmocka_unit_test(test_odd_segments),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_cut_off),
		cmocka_unit_test(test_flipped_headers),
		cmocka_unit_test(test_flipped_memory),
		cmocka_unit_test(test_flipped_executable),
		cmocka_unit_test(test_no_file_note),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
