# Installed below a prefix like everything else, so that an installation for one
# user stays in its folder; a package's configuration is the machine's.
file(GLOB staged LIST_DIRECTORIES ON ${CPACK_TEMPORARY_DIRECTORY}/*/usr/etc)
foreach(folder ${staged})
  string(REGEX REPLACE "/usr/etc$" "/etc" target ${folder})
  file(RENAME ${folder} ${target})
endforeach()
