# Writes OUTPUT, a C++ source with the text of every file below FOLDER that matches *.yaml. Run as
# cmake -DFOLDER=... -DOUTPUT=... -P embed.cmake
file(GLOB_RECURSE files RELATIVE ${FOLDER} ${FOLDER}/*.yaml)
list(SORT files)
set(rows "")
set(count 0)
foreach(file IN LISTS files)
  file(READ ${FOLDER}/${file} text)
  string(LENGTH "${text}" length)
  # String literals are limited in length: a file becomes several that stand side by side.
  set(literal "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 12000 part)
    string(APPEND literal "R\"yaml(${part})yaml\"\n")
    math(EXPR at "${at} + 12000")
  endwhile()
  string(APPEND rows "    {\"${file}\", ${literal}},\n")
  math(EXPR count "${count} + 1")
endforeach()
file(WRITE ${OUTPUT}.new "#include \"schema/embedded.h\"
namespace schema {
namespace {
constexpr EmbeddedFile kFiles[] = {
${rows}};
}  // namespace
std::span<const EmbeddedFile> embedded_files() { return kFiles; }
}  // namespace schema
")
file(COPY_FILE ${OUTPUT}.new ${OUTPUT} ONLY_IF_DIFFERENT)
