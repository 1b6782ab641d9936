/* SPDX-License-Identifier: Apache-2.0
 *
 * document.cc - an allocation-bound program in C++: documents are parsed from text
 * into maps, vectors, lists and strings, searched, changed, written out again and
 * thrown away, as servers and build tools do.  Argument: documents (200).
 *
 *	document N CHECKSUM CPU_NS
 */
#include <list>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "../../tests/work/work.h"

namespace
{
struct Value {
	std::map<std::string, std::unique_ptr<Value>> members;
	std::vector<std::unique_ptr<Value>> items;
	std::string text;
};

uint64_t random_state = 1;

uint64_t draw(uint64_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (random_state >> 33) % below;
}

std::string word()
{
	static const char *const parts[] = {
		"al",  "be",  "cor", "den", "est", "for", "gen", "hol",
		"ist", "ker", "lan", "mon", "nor", "ort", "per", "qua"
	};
	std::string w;

	for (uint64_t n = 2 + draw(8); n--;)
		w += parts[draw(16)];
	return w;
}

/* {name:value,...} [value,...] and words. */
void generate(std::string &out, int depth)
{
	bool is_map = draw(2);

	if (!depth || !draw(4)) {
		out += word();
		return;
	}
	out += is_map ? '{' : '[';
	for (uint64_t n = 3 + draw(6); n--;) {
		if (is_map)
			out += word() + ':';
		generate(out, depth - 1);
		out += n ? "," : "";
	}
	out += is_map ? '}' : ']';
}

std::string take_word(const char *&p)
{
	const char *start = p;

	while (*p >= 'a' && *p <= 'z')
		p++;
	return std::string(start, p);
}

std::unique_ptr<Value> parse(const char *&p)
{
	auto value = std::make_unique<Value>();
	char open = *p;

	if (open != '{' && open != '[') {
		value->text = take_word(p);
		return value;
	}
	do {
		p++;
		if (open == '{') {
			std::string name = take_word(p);

			p++;
			value->members[name] = parse(p);
		} else {
			value->items.push_back(parse(p));
		}
	} while (*p == ',');
	p++;
	return value;
}

/* The words of a document, with the path that leads to each. */
void collect(const Value &value, const std::string &path, std::list<std::string> &paths)
{
	if (!value.text.empty())
		paths.push_back(path + '=' + value.text);
	for (const auto &m : value.members)
		collect(*m.second, path + '.' + m.first, paths);
	for (const auto &item : value.items)
		collect(*item, path + "[]", paths);
}

void write(const Value &value, std::string &out)
{
	out += value.text;
	for (const auto &m : value.members) {
		out += m.first + ':';
		write(*m.second, out);
	}
	for (const auto &item : value.items)
		write(*item, out);
}

/* Half of the children of each value go. */
void prune(Value &value)
{
	for (auto i = value.members.begin(); i != value.members.end();)
		i = draw(2) ? value.members.erase(i) : ++i;
	for (auto &m : value.members)
		prune(*m.second);
	for (auto &item : value.items)
		prune(*item);
}

uint64_t handle(const std::string &text)
{
	const char *p = text.c_str();
	auto document = parse(p);
	std::list<std::string> paths;
	std::map<std::string, uint64_t> words;
	std::string out;
	uint64_t sum = 0;

	collect(*document, "", paths);
	paths.sort();
	for (const auto &path : paths)
		words[path.substr(path.find('=') + 1)] += path.size();
	prune(*document);
	write(*document, out);
	for (const auto &w : words)
		sum = sum * 31 + w.second;
	return sum * 31 + out.size();
}
} // namespace

int main(int argc, char **argv)
{
	uint64_t documents = work_arg(argc, argv, 1, 200), sum = 0;

	for (uint64_t i = 0; i < documents; i++) {
		std::string text = "{root:";

		for (int part = 0; part < 20; part++) {
			generate(text, 3);
			text += ",part" + word() + ':';
		}
		text += "end}";
		for (int times = 0; times < 4; times++)
			sum = sum * 31 + handle(text);
	}
	printf("document %llu %llu %llu\n", (unsigned long long)documents, (unsigned long long)sum,
	       (unsigned long long)work_thread_cpu());
	return 0;
}
